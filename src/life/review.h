#ifndef KELP_LIFE_REVIEW_H
#define KELP_LIFE_REVIEW_H

#include "err.h"
#include "mem.h"
#include "plan.h"
#include "tree.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/*
 * What a run with --review has written, and what becomes of it.
 *
 * Each writable directory of the run is an overlay.  Its upper layer stays when the run has ended, also
 * when it was killed, in $XDG_STATE_HOME/kelp/reviews/ID:
 *
 *      lock            flock(2): held by the run, and by who looks or applies
 *      manifest        what was run, which directories, when it began; written before the payload runs
 *      N/upper         the upper layer of directory N
 *      seen            what lay below each changed name when it was first looked at (review-seen.h)
 *      applying        an apply has begun: names of ours may lie around, times of directories are ours
 *
 * The upper layer was written by a hostile payload through the kernel's overlay; the lower one is the
 * user's own tree, which goes on living.  So nothing is followed and nothing is believed: a name is
 * opened by openat2(2) beneath the directory, without symlinks and without crossing a mount; an
 * attribute of overlayfs that this kind of overlay never writes, a device, a socket or a set-id bit is
 * refused by name; names go to the terminal escaped.
 *
 * A file is a conflict when the user changed it after the run began: its inode has changed since then,
 * or is another one than when it was first looked at.  It is then left as it is, unless asked.
 *
 * Applying writes a file under a temporary name beside its place, and exchanges the two: what comes out
 * must be what was judged, or they are exchanged back.  What is in place already is the same as what is
 * to be put there, so that a second apply goes on where a first one ended, however that came.
 */

#define REVIEW_ID_LEN     12 /* that of the run's sandbox, too: BOX_ID_SIZE with the NUL */
#define REVIEW_MAX_PLACES 1000
#define REVIEW_MAX_LISTED 100000

/* A writable directory of the run. */
struct review_place {
        size_t number;
        const char *path; /* on the host, clean */
        uint64_t dev;
        uint64_t ino;
};

/* A path of the host that takes effect outside, and what is below it. */
struct review_obeyed {
        const char *path;
        bool only_link; /* only where a symlink comes to be there */
};

struct review {
        struct arena arena;
        char id[REVIEW_ID_LEN + 1];
        const char *root;    /* the directory of all; of one that was made */
        int dir;             /* of the review; -1: none */
        int lock;            /* -1: somebody else has it */
        bool is_damaged;     /* its manifest cannot be read: there is no more than its id */
        int64_t start_ns;    /* of the realtime clock, before the payload ran */
        const char *name;    /* of the run; "": it had none */
        const char *command; /* quoted as for a shell; of its user, not of the payload */
        struct review_place *places;
        size_t n_places;
        const char **names; /* protected ones, relative: they take effect outside */
        size_t n_names;
        struct review_obeyed *obeyed; /* in the order of paths */
        size_t n_obeyed;
};

#define REVIEW_NONE                                                                                \
        {                                                                                          \
                .dir = -1, .lock = -1                                                              \
        }

void review_done(struct review *r);

/* The directory of all reviews; `home` NULL: not known. */
int review_find_root(struct arena *a, const char *home, const char **ret, struct err *e);

/* Makes that directory where there is none. */
int review_make_root(const char *root, struct err *e);

/* A new one, locked, without a manifest; *ret_path is its directory, in the arena of `ret`. */
int review_make(const char *root, struct review *ret, const char **ret_path, struct err *e);

/*
 * The launcher's part, when the view is known: writes the manifest, and waits for the clock that file
 * systems have to reach what it says.  Nothing where the tree is none of a review's.
 */
int review_start(const struct plan *p, const struct tree *t, struct err *e);

/*
 * The id of the review that a word means: the name of its run, an id, or the beginning of one.  Errors:
 * ENOENT; ENOTUNIQ, with the ids in the text.
 */
int review_find(const char *root, const char *word, char ret_id[REVIEW_ID_LEN + 1], struct err *e);

/*
 * Opens the review that a word means, and takes its lock.  Errors: as of review_find(); EBUSY, when its
 * run goes on; EBADMSG: its manifest is damaged.
 */
int review_open(const char *root, const char *word, struct review *ret, struct err *e);

/* Puts `obeyed` into its order. */
void review_sort_obeyed(struct review *r);

/* A file of the review: it is there as a whole or not at all, also after a crash. */
int review_write_file(int dir, const char *name, const char *text, size_t len, struct err *e);

/* Reads the manifest into `r`, whose `dir` is open. */
int review_read_manifest(struct review *r, struct err *e);

/*
 * Calls `each` for every review, the oldest first: with r->lock -1 for those whose run goes on; that of
 * the others is let go before.  What never became one is removed on the way.  It is what `ps -a` lists,
 * too.
 */
int review_list(const char *root, int (*each)(const struct review *r, void *arg, struct err *e),
                void *arg, struct err *e);

/* Removes it with all that is in it. */
int review_remove(const char *root, struct review *r, struct err *e);

#endif
