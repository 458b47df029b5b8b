#ifndef KELP_OCI_MOUNT_IDMAP_H
#define KELP_OCI_MOUNT_IDMAP_H

#include "rootfs.h"

/*
 * "idmap", "ridmap", and maps of the mount's own: has the ids of its files seen through a user namespace.
 * Who may do that is the owner of the file system: for one of the host's that is root alone.
 * Source: mount_setattr(2), ID-mapped mounts.
 */
int mount_idmap_set(const struct rootfs_spec *spec, const struct bundle_mount *m, int mount,
                    struct err *e);

#endif
