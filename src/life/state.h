#ifndef KELP_LIFE_STATE_H
#define KELP_LIFE_STATE_H

#include "box-status.h"

/*
 * The sandboxes of this user, without a daemon: a directory each.
 *
 *      $XDG_RUNTIME_DIR/kelp, or /tmp/kelp-UID where that is not a directory of this user alone
 *        boxes/ID/lock         flock: held by the supervisor for all its life.  Who can have it knows
 *                              that the supervisor is gone
 *        boxes/ID/status       box-status.h; replaced as a whole
 *        boxes/ID/control      the supervisor's socket: control.h
 *        boxes/ID/log, log.1   what a detached sandbox wrote: box-log.h
 *        names/NAME            a symlink to the id; made by symlink(2), so a name is given once
 *
 * Whoever comes upon a sandbox whose supervisor is gone sweeps it: its pid 1, should it still be
 * dying, is killed; a transient one is removed; any other is marked as ended, reason "lost" where it
 * did not say how, and stays until `kelp rm`.
 *
 * A box is made first and gets its name then; the name goes first and then the box: so a name that
 * leads nowhere is nobody's.  Names are made and removed with `names` locked.  To see whether the
 * supervisor lives takes a shared lock, to remove a box an exclusive one; who has it looks whether
 * the file is still there.
 *
 * Directories are opened below one another by descriptor, never through a symlink, and must be this
 * user's and closed to others: what somebody else has planted is refused.  The root
 * and its two parts stay: sandboxes that could see them have them covered.
 */

/* A supervisor has one in memory for all its life, and there may be many of them. */
#define STATE_PATH_SIZE 1024

struct state {
        char path[STATE_PATH_SIZE]; /* of the root, for messages */
        int root;
        int boxes;
        int names;
};

#define STATE_NONE                                                                                 \
        {                                                                                          \
                .root = -1, .boxes = -1, .names = -1                                               \
        }

/* A sandbox of one's own. */
struct state_box {
        struct state state;
        char id[BOX_ID_SIZE];
        char name[64]; /* "": none */
        int dir;       /* -1: there is no such box */
        int lock;
};

#define STATE_BOX_NONE                                                                             \
        {                                                                                          \
                .state = STATE_NONE, .dir = -1, .lock = -1                                         \
        }

/* Where the root would be for the session, whoever may look into that; false: there is none. */
bool state_find_session(char path[STATE_PATH_SIZE]);

/* Where the root is, or would be.  Errors: ENAMETOOLONG. */
int state_find_path(char path[STATE_PATH_SIZE], struct err *e);

/*
 * Whether somebody else has taken its place: another user, or this one under another id, as in a
 * user namespace.
 */
bool state_is_others(void);

/* One of the places of the root, for who hides it: whose it is, is nothing to him. */
int state_make_root(const char *path, struct err *e);

/* Opens what there is; where there is nothing it is empty, which is no error. */
int state_open(struct state *ret, struct err *e);
void state_done(struct state *s);
#define autostate __attribute__((cleanup(state_done))) struct state

/*
 * Makes a sandbox, and holds its lock until state_box_done().  `name` may be NULL; so may `id`: any
 * one.  Errors: EEXIST when the name is taken.  The descriptors are of no use to any other process:
 * who forks closes them.
 */
int state_make_box(const char *name, const char *id, struct state_box *ret, struct err *e);

/* Closes; the box stays. */
void state_box_done(struct state_box *box);

/* Removes one's own box, and leaves *box as state_box_done() does. */
void state_remove_own(struct state_box *box);

/* The first time, and whenever it has changed. */
int state_begin_status(const struct state_box *box, const struct box_status *status, struct err *e);
int state_write_status(const struct state_box *box, const struct box_status *status, struct err *e);

/*
 * Calls each() for every sandbox, the oldest first, after those that nobody supervises were swept.
 * One without a status yet is left out.  A negative return of each() ends it and is returned.
 */
typedef int state_each_fn(void *arg, const struct box_status *status, struct err *e);
int state_list(const struct state *s, state_each_fn *each, void *arg, struct err *e);

/*
 * By name, id, or the beginning of an id.  Errors: ENOENT; ENOTUNIQ when several ids begin so, which
 * the text names.
 */
int state_find(const struct state *s, const char *word, struct box_status *ret, struct err *e);

/* Swept first.  -ENOENT when it is gone. */
int state_read_status(const struct state *s, const char *id, struct box_status *ret, struct err *e);

/* The directory of a box; the descriptor is the caller's. */
int state_open_box(const struct state *s, const char *id, struct err *e);

/* Waits until its supervisor is gone.  Returns at once when the box is. */
int state_await_end(const struct state *s, const char *id, struct err *e);

/* Errors: EBUSY when its supervisor lives; ENOENT when it is gone. */
int state_remove(const struct state *s, const char *id, struct err *e);

#endif
