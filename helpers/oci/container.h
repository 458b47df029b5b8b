#ifndef KELP_OCI_CONTAINER_H
#define KELP_OCI_CONTAINER_H

#include "bundle.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * What is known of containers: a directory of its own for each, ROOT/ID, with
 *
 *   config.json   the text that `create` has read: later changes of the bundle change nothing
 *   state.json    written whole, by rename: bundle, pid and its start time, cgroup, owner
 *   start         the socket on which the container's first process waits for `start`
 *   lock          held exclusively by whoever changes the container: create, start, delete; one byte
 *                 long when create is done
 *
 * The directory is made by `create`, exclusively, which is what makes an id unique.  A container that
 * has no state.json belongs to a `create` that is at work (it has the lock) or was killed (nobody has).
 */

#define CONTAINER_MAX_ID 255 /* the name of a directory */

enum container_status {
        CONTAINER_CREATING,
        CONTAINER_CREATED,
        CONTAINER_RUNNING,
        CONTAINER_STOPPED,
        CONTAINER_PAUSED,
};

struct container {
        struct arena arena;
        const char *id;
        int root;            /* the directory of all */
        int dir;             /* its own */
        int lock;            /* -1: not held */
        const char *bundle;  /* host path */
        const char *rootfs;  /* host path */
        const char *version; /* ociVersion of its config */
        const char *cgroup;  /* path below the mount of cgroup2, or NULL */
        bool is_scope;       /* the cgroup is a transient scope of systemd's */
        pid_t pid;           /* of its first process, here; 0: there is none yet */
        uint64_t start_time; /* proc_start_time() */
        char created[40];    /* RFC 3339 */
        unsigned hooks;      /* bit n: there are hooks of enum bundle_hook_kind n */
        struct bundle_label *labels;
        size_t n_labels;
};

#define CONTAINER_NONE                                                                             \
        {                                                                                          \
                .root = -1, .dir = -1, .lock = -1                                                  \
        }

void container_done(struct container *c);

#define autocontainer __attribute__((cleanup(container_done))) struct container

/* The words of the specification: "creating", ... */
const char *container_status_name(enum container_status status);

/*
 * The directory of all containers: `asked` (--root), else $XDG_RUNTIME_DIR/kelp-oci, else one of the
 * user's own below /tmp that nobody else may have made.  Made with mode 0700 where it is missing.
 * *ret belongs to the caller.
 */
int container_open_root(const char *asked, int *ret, struct err *e);

/* Errors: EINVAL for an id that the specification of engines does not allow, with what is wrong. */
int container_check_id(const char *id, struct err *e);

/* Makes the directory and takes the lock.  EEXIST: there is one of that name. */
int container_make(int root, const char *id, struct container *ret, struct err *e);

/*
 * Opens it and reads state.json; `pid` is 0 and `bundle` is NULL where there is none.  ENOENT: "container
 * 'ID' does not exist".  EBADMSG: state.json is damaged, *ret is as if there were none.
 */
int container_open(int root, const char *id, struct container *ret, struct err *e);

/*
 * Takes the lock, waiting for who has it; state.json is read again.  ENOENT when it was removed.  The
 * lock is given back by container_done(), also where other processes have the descriptor.
 */
int container_lock(struct container *c, struct err *e);
void container_unlock(struct container *c);

/* The directory of `id` to be cleaned, damaged or not: like open and lock, but EBADMSG is no error. */
int container_open_locked(int root, const char *id, struct container *ret, struct err *e);

/*
 * Takes over from the bundle what state.json has of it: texts are copied.  container_keep_config() writes
 * config.json, container_write() writes state.json, whole; neither reaches a disk.
 */
int container_fill(struct container *c, const struct bundle *b, struct err *e);
int container_keep_config(const struct container *c, const struct bundle *b, struct err *e);
int container_write(const struct container *c, struct err *e);

/* The kept config, as it was when the container was made. */
int container_read_config(const struct container *c, struct bundle *ret, struct err *e);

/* By `create`, which holds the lock: from now on it is no more "creating". */
int container_mark_created(const struct container *c, struct err *e);

/*
 * One that is damaged or was left by a `create` that was killed counts as stopped.
 */
int container_get_status(const struct container *c, enum container_status *ret, struct err *e);

/* The state of the specification, as JSON text for `state` and for hooks; *ret is the caller's (free). */
int container_print_state(const struct container *c, enum container_status status, char **ret,
                          struct err *e);

/* Whether its first process is alive (a zombie is not); *ret_pidfd, the caller's, is -1 if it is not. */
int container_open_first(const struct container *c, int *ret_pidfd, struct err *e);

/* Removes the directory and what is in it; the last step of an end. */
int container_remove(struct container *c, struct err *e);

#endif
