#include "mount-kind.h"

#include "fd.h"
#include "mount-attr.h"
#include "mount-idmap.h"
#include "mount-options.h"
#include "mount.h"
#include "newmount.h"
#include "parse.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int mount_copy(int fd, const char *host_path, bool is_recursive, struct err *e)
{
        unsigned how = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;

        if (is_recursive)
                how |= AT_RECURSIVE;
        if (*host_path == '\0')
                how |= AT_EMPTY_PATH;
        int mount = (int)syscall(SYS_open_tree, fd, host_path, how);
        if (mount >= 0)
                return mount;
        if (*host_path == '\0')
                return err_sys(e, "cannot copy the mount");
        err_sys(e, "cannot open '%s'", host_path);
        /* what a user namespace has got covered it must not uncover: mount_namespaces(7) */
        if (e->code == EINVAL && !is_recursive)
                err_hint(e, "other mounts are below it: use 'rbind'");
        return -e->code;
}

/* Where nobody can do better it is our own error that counts. */
static int copy_source(const struct rootfs_spec *spec, const struct bundle_mount *m, struct err *e)
{
        struct err unused = { 0 };
        int mount = mount_copy(AT_FDCWD, m->source, m->is_recursive, e);

        if (mount >= 0 || e->code != EACCES || !spec->ask_source)
                return mount;
        mount = spec->ask_source(spec->user, (size_t)(m - spec->bundle->mounts), &unused);
        if (mount < 0)
                return -e->code;
        *e = (struct err){ 0 };
        /* it did not come by what set_around() did to all others */
        unsigned long word = spec->bundle->propagation;
        if ((word & (MS_SHARED | MS_SLAVE)) ||
            mount_attr_set_propagation(mount, MS_REC | MS_PRIVATE, e) == 0)
                return mount;
        fd_close(&mount);
        return -e->code;
}

/* What was opened is what is judged and what is mounted: the path is read once. */
int mount_kind_bind(const struct rootfs_spec *spec, const struct bundle_mount *m,
                    struct mount_made *ret, struct err *e)
{
        autofd mount = copy_source(spec, m, e);
        struct stat st;

        if (mount < 0)
                return -e->code;
        if (fstat(mount, &st) < 0)
                return err_sys(e, "cannot stat '%s'", m->source);
        if (mount_idmap_set(spec, m, mount, e) < 0 ||
            mount_attr_change(m, mount, spec->notice, e) < 0)
                return -e->code;
        if (m->super)
                notice_say(spec->notice,
                           "%s: 'sync' and the like mean nothing for a bind of '%s', ignoring",
                           m->where, m->source);
        ret->is_directory = S_ISDIR(st.st_mode);
        ret->fd = fd_take(&mount);
        return 0;
}

/* A new file system.  Without `more` nothing but the config's options. */
static int make_new(const struct rootfs_spec *spec, const struct bundle_mount *m, const char *type,
                    uint64_t more, struct mount_made *ret, struct err *e)
{
        automountoptions options = { 0 };

        if (mount_options_make(m, spec->bundle->mount_label, &options, e) < 0)
                return -e->code;
        uint64_t attr = mount_attr_new(m) | mount_options_default_attr(m) | more;
        autofd mount = newmount_fs_with(type, options.items, options.n, attr, e);
        if (mount < 0 || mount_idmap_set(spec, m, mount, e) < 0)
                return -e->code;
        ret->is_directory = true;
        ret->is_read_only = attr & MOUNT_ATTR_RDONLY;
        ret->fd = fd_take(&mount);
        return 0;
}

int mount_kind_other(const struct rootfs_spec *spec, const struct bundle_mount *m,
                     struct mount_made *ret, struct err *e)
{
        return make_new(spec, m, m->type, 0, ret, e);
}

int mount_kind_proc(const struct rootfs_spec *spec, const struct bundle_mount *m,
                    struct mount_made *ret, struct err *e)
{
        if (make_new(spec, m, "proc", 0, ret, e) == 0)
                return 0;
        if (e->code == EPERM)
                err_hint(e, "a new /proc needs a pid namespace of the container's own, and a /proc "
                            "outside of which nothing is covered; else bind '/proc'");
        return -e->code;
}

static const uint64_t quiet = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

/*
 * What the kernel does not give a new one of is the host's own, which must not be written to: whatever
 * else the user may write there is not the container's.
 */
static int copy_hosts(const struct rootfs_spec *spec, const struct bundle_mount *m,
                      const char *host_path, struct mount_made *ret, struct err *e)
{
        const struct mount_attr attr = { .attr_set = quiet | MOUNT_ATTR_RDONLY };
        autofd mount = mount_copy(AT_FDCWD, host_path, true, e);

        if (mount < 0 || newmount_change(mount, &attr, true, e) < 0)
                return -e->code;
        notice_debug(spec->notice, "%s: '%s' is the host's own '%s', read-only", m->where,
                     m->box_path, host_path);
        ret->is_directory = true;
        ret->is_read_only = true;
        ret->fd = fd_take(&mount);
        return 0;
}

/*
 * A new one is for whoever owns the network namespace, and read-only from the beginning where the one
 * around is.  Who asked for a read-only one gets the host's instead, as crun does it.
 */
int mount_kind_sysfs(const struct rootfs_spec *spec, const struct bundle_mount *m,
                     struct mount_made *ret, struct err *e)
{
        uint64_t read_only = m->set & MOUNT_ATTR_RDONLY;

        if (spec->join_network(spec->user, e) < 0)
                return -e->code;
        if (make_new(spec, m, "sysfs", read_only, ret, e) == 0)
                return 0;
        if (e->code != EPERM)
                return -e->code;
        if (!read_only && !(m->set_all & MOUNT_ATTR_RDONLY))
                return err_hint(e, "without a network namespace of the container's own '/sys' "
                                   "must be 'ro', or a bind of the host's");
        memset(e, 0, sizeof(*e));
        ret->is_hosts_sys = true;
        return copy_hosts(spec, m, "/sys", ret, e);
}

/*
 * A new one shows the container its own part, where it has a cgroup namespace of its own.  Else it is the
 * host's, where paths are as /proc/self/cgroup tells them.
 */
int mount_kind_cgroup(const struct rootfs_spec *spec, const struct bundle_mount *m,
                      struct mount_made *ret, struct err *e)
{
        const struct bundle_namespace *ns = &spec->bundle->ns[BUNDLE_NS_CGROUP];
        uint64_t read_only = m->set & MOUNT_ATTR_RDONLY;

        if (ns->is_asked || spec->is_root) {
                if (make_new(spec, m, "cgroup2", read_only, ret, e) == 0)
                        return 0;
                if (e->code != EPERM && e->code != EBUSY)
                        return -e->code;
                memset(e, 0, sizeof(*e));
        }
        return copy_hosts(spec, m, "/sys/fs/cgroup", ret, e);
}

int mount_kind_devpts(const struct rootfs_spec *spec, const struct bundle_mount *m,
                      struct mount_made *ret, struct err *e)
{
        automountoptions options = { 0 };
        struct err unused = { 0 };
        const char *gid;
        uint64_t number;

        if (make_new(spec, m, "devpts", 0, ret, e) == 0)
                return 0;
        if (e->code != EINVAL || !spec->maps || mount_options_make(m, NULL, &options, &unused) < 0)
                return -e->code;
        gid = mount_options_get(&options, "gid");
        if (gid && parse_number(gid, 0, UINT32_MAX, &number, &unused) == 0 &&
            !id_map_has(&spec->maps->gids, number))
                err_hint(e, "linux.gidMappings has no group %s", gid);
        return -e->code;
}

int mount_kind_mqueue(const struct rootfs_spec *spec, const struct bundle_mount *m,
                      struct mount_made *ret, struct err *e)
{
        if (make_new(spec, m, "mqueue", 0, ret, e) == 0)
                return 0;
        if (e->code == EPERM)
                err_hint(e, "it needs an ipc namespace of the container's own; else bind "
                            "'/dev/mqueue'");
        return -e->code;
}

int mount_kind_overlay(const struct rootfs_spec *spec, const struct bundle_mount *m,
                       struct mount_made *ret, struct err *e)
{
        if (make_new(spec, m, "overlay", 0, ret, e) == 0)
                return 0;
        if (e->code == EPERM && !spec->is_root)
                err_hint(e, "without root the option 'userxattr' may be needed");
        return -e->code;
}
