#ifndef KELP_OCI_MOUNT_KIND_H
#define KELP_OCI_MOUNT_KIND_H

#include "rootfs.h"

/*
 * The kinds of mounts: each makes its own, detached, with all its attributes but "ro" (mount-attr.h).
 */
struct mount_made {
        int fd; /* the caller's */
        bool is_directory;
        bool is_read_only; /* already, whatever the config says */
        bool is_hosts_sys; /* a copy of the host's /sys: its cgroups came along */
};

typedef int mount_kind(const struct rootfs_spec *spec, const struct bundle_mount *m,
                       struct mount_made *ret, struct err *e);

mount_kind mount_kind_bind;
mount_kind mount_kind_proc;
mount_kind mount_kind_sysfs;
mount_kind mount_kind_cgroup;
mount_kind mount_kind_devpts;
mount_kind mount_kind_mqueue;
mount_kind mount_kind_overlay;
mount_kind mount_kind_other; /* tmpfs, too */

#endif
