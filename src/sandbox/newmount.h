#ifndef KELP_SANDBOX_NEWMOUNT_H
#define KELP_SANDBOX_NEWMOUNT_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The kernel's mount API by descriptor: fsopen(2), fsconfig(2), fsmount(2), open_tree(2),
 * mount_setattr(2), move_mount(2).  Needs Linux 5.12.  Everything returned is O_PATH-like, belongs to
 * the caller and is close-on-exec.  `flags` are enum tree_flags.
 */

struct newmount_option {
        const char *key;
        const char *value; /* NULL: a flag */
};

/* A detached mount of a new file system. */
int newmount_fs(const char *type, const struct newmount_option *options, size_t n, unsigned flags,
                struct err *e);

/* The same with MOUNT_ATTR_* as of fsmount(2), which has "read-only" as it stands. */
int newmount_fs_with(const char *type, const struct newmount_option *options, size_t n,
                     uint64_t attr, struct err *e);

/* A detached copy of what `path` is, or of the object `dirfd` itself for "". */
int newmount_clone(int dirfd, const char *path, unsigned flags, struct err *e);

/* Sets the flags on a mount; with TREE_RECURSIVE on all below it too.  Never clears one. */
int newmount_set(int dirfd, const char *path, unsigned flags, struct err *e);

/* mount_setattr(2) of a mount by its descriptor: sets, clears, propagation, id map. */
struct mount_attr;
int newmount_change(int mount, const struct mount_attr *attr, bool is_recursive, struct err *e);

/* Attaches `mount` to the object `target`, or to the name `path` below it. */
int newmount_attach(int mount, int target, const char *path, struct err *e);

/* Which mount of the new root the object `fd` is on.  Source: statx(2), Linux 5.8. */
int newmount_get_id(int fd, uint64_t *ret, struct err *e);

#endif
