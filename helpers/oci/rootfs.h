#ifndef KELP_OCI_ROOTFS_H
#define KELP_OCI_ROOTFS_H

#include "bundle.h"
#include "notice.h"

#include <stdbool.h>

/*
 * The container's root, made by its first process in its own mount namespace, by descriptor: every
 * path below the root is resolved inside it (openat2 RESOLVE_IN_ROOT), for an image shapes it.
 *
 * Order: propagation of what is around; the root as a mount of its own; the mounts of the config in
 * their order; devices and links of /dev; createContainer hooks (the caller); pivot; propagation and
 * read-only-ness of the root; sysctls; read-only and masked paths.
 */
struct rootfs_kept {
        int mount;
        const struct bundle_mount *config;
        bool is_read_only_later;
};

struct rootfs {
        int root;            /* the mount that becomes / */
        int old_root;        /* -1 after the pivot */
        int null;            /* the container's /dev/null, checked to be one: masks need it */
        int proc_sys;        /* where sysctls are written: in a /proc of our own, or the host's */
        bool has_own_mounts; /* there is a mount namespace of the container's own */
        struct rootfs_kept *kept; /* mounts to which something comes later */
        size_t n_kept;
        size_t kept_room;
};

#define ROOTFS_NONE                                                                                \
        {                                                                                          \
                .root = -1, .old_root = -1, .null = -1, .proc_sys = -1                             \
        }

void rootfs_done(struct rootfs *r);

#define autorootfs __attribute__((cleanup(rootfs_done))) struct rootfs

/* What first knows when it builds. */
struct rootfs_spec {
        const struct bundle *bundle;
        const struct id_maps
                *maps;        /* of the user namespace that all is made in; NULL: the caller's */
        bool has_new_network; /* this container's: sysfs may be mounted */
        /* called before what needs the container's network; it may be joined already */
        int (*join_network)(void *user, struct err *e);
        /* a copy of the source of mounts[index], made elsewhere; the caller's.  NULL: nobody can */
        int (*ask_source)(void *user, size_t index, struct err *e);
        void *user;    /* of both */
        bool no_pivot; /* --no-pivot: MS_MOVE and chroot */
        bool is_root;  /* real uid 0 of the initial namespace: devices by mknod */
        const struct notice *notice;
};

/* All but the pivot. */
int rootfs_build(const struct rootfs_spec *spec, struct rootfs *ret, struct err *e);

/* Enters it; afterwards nothing of the host can be reached by a path. */
int rootfs_enter(const struct rootfs_spec *spec, struct rootfs *r, struct err *e);

/* After that: sysctls, read-only and masked paths, and the root read-only if asked. */
int rootfs_finish(const struct rootfs_spec *spec, struct rootfs *r, struct err *e);

/*
 * After rootfs_enter(), where process.terminal is set: binds the terminal `slave` to /dev/console.
 */
int rootfs_set_console(struct rootfs *r, int slave, struct err *e);

#endif
