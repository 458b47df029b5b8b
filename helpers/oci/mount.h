#ifndef KELP_OCI_MOUNT_H
#define KELP_OCI_MOUNT_H

#include "rootfs.h"

/*
 * One mount of the config: a new file system, or a copy of a host's mount, made detached, given its
 * attributes, and attached to its place in the root.  Errors name both:
 * "mounts[3]: cannot mount 'tmpfs' at '/x': ...".
 */
int mount_add(const struct rootfs_spec *spec, struct rootfs *r, const struct bundle_mount *m,
              struct err *e);

/* Whether the config has a mount at `box_path`. */
bool mount_is_at(const struct bundle *b, const char *box_path);

/* A detached copy of the mount at a host path, symlinks followed, or of what `fd` is for "". */
int mount_copy(int fd, const char *host_path, bool is_recursive, struct err *e);

#endif
