#ifndef KELP_OCI_MOUNT_PLACE_H
#define KELP_OCI_MOUNT_PLACE_H

#include "err.h"

/*
 * Where something is mounted in a container's root, which its image shapes: the way there is resolved
 * inside the root by the kernel (openat2(2), RESOLVE_IN_ROOT), never by putting strings together, and
 * what is found by descriptor is what is mounted on.
 */

enum mount_place_flags {
        MOUNT_PLACE_IS_DIRECTORY = 1 << 0, /* what is made there, where nothing is */
        MOUNT_PLACE_IS_PLAIN = 1 << 1,     /* no symlink may be on the way, nor be the place */
        MOUNT_PLACE_IS_MADE = 1 << 2,      /* missing directories, and the place itself, are made */
};

/* The place, O_PATH, the caller's.  ENOENT: it is not there, and was not to be made. */
int mount_place_open(int root, const char *box_path, unsigned flags, struct err *e);

/*
 * Attaches the detached `mount` to `place`, and sees that `box_path` leads to it now: somebody who
 * shares a part of the root may have moved the place meanwhile.  Only MOUNT_PLACE_IS_PLAIN counts.
 */
int mount_place_attach(int root, const char *box_path, unsigned flags, int place, int mount,
                       struct err *e);

#endif
