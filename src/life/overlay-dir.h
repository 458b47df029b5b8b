#ifndef KELP_LIFE_OVERLAY_DIR_H
#define KELP_LIFE_OVERLAY_DIR_H

#include "err.h"
#include "mem.h"

#include <stdint.h>

/*
 * The directory that takes what a sandbox writes to the overlays of a host view: one for each run,
 * of this user alone, in $TMPDIR or /var/tmp, which every sandbox has its own of.  Not in
 * $XDG_STATE_HOME: a home that is overlaid as a whole cannot have its own upper layer in it.
 *
 * Whoever uses one holds a lock (flock(2)) on the file `lock` in it; the kernel drops that with the
 * last process.  overlay_dir_make() removes those of runs that were killed: they are named alike,
 * belong to this user, and nobody holds their lock.
 *
 * Between making and removing it there is no descriptor of a directory: the processes of the sandbox
 * are forks of this one, and from a directory ".." leads on.
 */

struct overlay_dir {
        const char *path; /* NULL: none */
        const char *parent;
        const char *name; /* in `parent` */
        uint64_t dev;     /* what it is */
        uint64_t ino;
        int lock; /* -1: none */
};

#define OVERLAY_DIR_NONE                                                                           \
        {                                                                                          \
                .path = NULL, .lock = -1                                                           \
        }

int overlay_dir_make(struct arena *a, struct overlay_dir *ret, struct err *e);

/* Removes it with all that is in it; one that is none is no error.  Closed also after an error. */
int overlay_dir_remove(struct overlay_dir *dir, struct err *e);

#endif
