#include "mount.h"

#include "copy-up.h"
#include "fd.h"
#include "mount-attr.h"
#include "mount-kind.h"
#include "mount-place.h"
#include "newmount.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct kind {
        const char *type;
        mount_kind *make;
        bool is_plain; /* it may not be mounted through a symlink of the image: others trust it */
};

/* Whatever else there is, tmpfs first of all, is made of its options alone. */
static const struct kind kinds[] = {
        { "proc", mount_kind_proc, true },        { "sysfs", mount_kind_sysfs, true },
        { "cgroup", mount_kind_cgroup, false },   { "cgroup2", mount_kind_cgroup, false },
        { "devpts", mount_kind_devpts, false },   { "mqueue", mount_kind_mqueue, false },
        { "overlay", mount_kind_overlay, false },
};

static const struct kind bind_kind = { "bind", mount_kind_bind, false };
static const struct kind other_kind = { "", mount_kind_other, false };

static const struct kind *find_kind(const struct bundle_mount *m)
{
        if (m->is_bind)
                return &bind_kind;
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                if (str_eq(m->type, kinds[i].type))
                        return &kinds[i];
        }
        return &other_kind;
}

bool mount_is_at(const struct bundle *b, const char *box_path)
{
        for (size_t i = 0; i < b->n_mounts; i++) {
                if (str_eq(b->mounts[i].box_path, box_path))
                        return true;
        }
        return false;
}

/* What comes to it later: "ro", and its own propagation when that of the root has gone over it. */
static int keep(struct rootfs *r, const struct bundle_mount *m, const struct mount_made *made,
                struct err *e)
{
        bool read_only = (m->set & MOUNT_ATTR_RDONLY) && !made->is_read_only;

        if (!read_only && m->n_propagations == 0)
                return 0;
        if (mem_grow(&r->kept, r->n_kept, &r->kept_room, sizeof(*r->kept), e) < 0)
                return -e->code;
        struct rootfs_kept *k = &r->kept[r->n_kept];
        k->mount = fcntl(made->fd, F_DUPFD_CLOEXEC, 3);
        if (k->mount < 0)
                return err_sys(e, "cannot keep a descriptor");
        k->config = m;
        k->is_read_only_later = read_only;
        r->n_kept++;
        return 0;
}

/* The directory that sysctls are written to, if this is a /proc in which there is one. */
static void keep_proc(struct rootfs *r, const struct mount_made *made)
{
        if (r->proc_sys < 0 && !made->is_read_only)
                r->proc_sys = openat(made->fd, "sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* Of the host's /sys, where the config has no mount for its cgroups: those of all others. */
static int cover_cgroups(const struct rootfs_spec *spec, struct rootfs *r, struct err *e)
{
        static const struct newmount_option options[] = { { "mode", "0555" }, { "size", "4k" } };
        const char *place = "/sys/fs/cgroup";

        if (mount_is_at(spec->bundle, place))
                return 0;
        autofd at = mount_place_open(r->root, place, MOUNT_PLACE_IS_PLAIN, e);
        if (at < 0)
                return -e->code;
        autofd cover = newmount_fs_with(
                "tmpfs", options, 2,
                MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, e);
        if (cover < 0)
                return -e->code;
        return mount_place_attach(r->root, place, MOUNT_PLACE_IS_PLAIN, at, cover, e);
}

static bool has_owner_or_mode(const struct bundle_mount *m)
{
        return strstr(m->data, "mode=") || strstr(m->data, "uid=") || strstr(m->data, "gid=");
}

static int attach(const struct rootfs_spec *spec, struct rootfs *r, const struct bundle_mount *m,
                  const struct kind *kind, struct mount_made *made, struct err *e)
{
        unsigned flags = MOUNT_PLACE_IS_MADE;

        if (made->is_directory)
                flags |= MOUNT_PLACE_IS_DIRECTORY;
        if (kind->is_plain || str_eq(m->box_path, "/dev"))
                flags |= MOUNT_PLACE_IS_PLAIN;
        autofd place = mount_place_open(r->root, m->box_path, flags, e);
        if (place < 0)
                return -e->code;
        if (m->copies_up && copy_up(place, made->fd, m->box_path, has_owner_or_mode(m), e) < 0)
                return -e->code;
        if (mount_place_attach(r->root, m->box_path, flags, place, made->fd, e) < 0)
                return -e->code;
        if (mount_attr_propagate(m, made->fd, e) < 0 || keep(r, m, made, e) < 0)
                return -e->code;
        if (kind->make == mount_kind_proc)
                keep_proc(r, made);
        return made->is_hosts_sys ? cover_cgroups(spec, r, e) : 0;
}

/* "remount", or no more than a propagation: something new for what is mounted there already. */
static int change_mounted(const struct rootfs_spec *spec, struct rootfs *r,
                          const struct bundle_mount *m, struct err *e)
{
        struct mount_made made = { .fd = -1 };

        made.fd = mount_place_open(r->root, m->box_path, 0, e);
        if (made.fd < 0)
                return -e->code;
        int result = 0;
        if (m->data[0])
                result = err_set(e, EINVAL,
                                 "the options ('%s') of what is mounted already cannot "
                                 "be changed",
                                 m->data);
        else if (mount_attr_change(m, made.fd, spec->notice, e) < 0 ||
                 mount_attr_propagate(m, made.fd, e) < 0 || keep(r, m, &made, e) < 0)
                result = -e->code;
        fd_close(&made.fd);
        return result;
}

static int add(const struct rootfs_spec *spec, struct rootfs *r, const struct bundle_mount *m,
               const struct kind *kind, struct err *e)
{
        struct mount_made made = { .fd = -1 };

        if (str_eq(m->box_path, "/"))
                return err_set(e, EINVAL, "that is the root itself");
        if ((m->super & MS_REMOUNT) || m->type[0] == '\0')
                return change_mounted(spec, r, m, e);
        if (m->copies_up && !str_eq(m->type, "tmpfs"))
                return err_set(e, EINVAL, "'tmpcopyup' is for a tmpfs");
        int result = kind->make(spec, m, &made, e);
        if (result == 0)
                result = attach(spec, r, m, kind, &made, e);
        fd_close(&made.fd);
        return result;
}

int mount_add(const struct rootfs_spec *spec, struct rootfs *r, const struct bundle_mount *m,
              struct err *e)
{
        const struct kind *kind = find_kind(m);

        if (add(spec, r, m, kind, e) == 0)
                return 0;
        return err_prefix(e, "%s: cannot mount '%s' at '%s'", m->where,
                          m->is_bind ? m->source : m->type, m->box_path);
}
