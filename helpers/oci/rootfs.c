#include "rootfs.h"

#include "devices.h"
#include "fd.h"
#include "masks.h"
#include "mount-attr.h"
#include "mount-place.h"
#include "mount.h"
#include "newmount.h"
#include "path.h"
#include "str.h"
#include "sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The root is mounted at its own path, where hooks look for it, not anywhere else: what is made below it is
 * seen there until the pivot, and by nobody outside of the container's mount namespace.
 */

void rootfs_done(struct rootfs *r)
{
        fd_close(&r->root);
        fd_close(&r->old_root);
        fd_close(&r->null);
        fd_close(&r->proc_sys);
        for (size_t i = 0; i < r->n_kept; i++)
                fd_close(&r->kept[i].mount);
        free(r->kept);
        *r = (struct rootfs)ROOTFS_NONE;
}

/*
 * What is around: nothing of what is done here may reach the host, unless the config asks for just that.
 * Between a user namespace and its parent the kernel allows the other direction alone.
 */
static int set_around(const struct bundle *b, struct err *e)
{
        unsigned long word = b->propagation;

        /* what is unbindable inside must be bound before */
        if (word == 0 || (word & MS_UNBINDABLE))
                word = MS_REC | MS_PRIVATE;
        if (mount(NULL, "/", NULL, word, NULL) < 0)
                return err_sys(e, "cannot set the propagation of '/'");
        return 0;
}

/* pivot_root(2) wants a private one; it is a mount somewhere above the root, or the root's own. */
static int make_parent_private(int place, struct err *e)
{
        autofd at = fcntl(place, F_DUPFD_CLOEXEC, 3);
        struct statx stx;

        for (;;) {
                if (at < 0 || statx(at, "", AT_EMPTY_PATH, STATX_TYPE, &stx) < 0)
                        return err_sys(e, "cannot find the mount that the root is on");
                if (stx.stx_attributes & STATX_ATTR_MOUNT_ROOT)
                        return mount_attr_set_propagation(at, MS_PRIVATE, e);
                int up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
                fd_close(&at);
                at = up;
        }
}

static int check_same(int one, int other, const char *path, struct err *e)
{
        struct stat a;
        struct stat b;

        if (fstat(one, &a) < 0 || fstat(other, &b) < 0)
                return err_sys(e, "cannot stat '%s'", path);
        if (a.st_ino != b.st_ino || a.st_dev != b.st_dev)
                return err_set(e, ESTALE, "'%s' was replaced meanwhile", path);
        return 0;
}

/* The root as a mount of its own, with all that is mounted below it. */
static int open_root(const struct bundle *b, struct rootfs *r, struct err *e)
{
        autofd place = open(b->root, O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (place < 0)
                return err_sys(e, "cannot open the root '%s'", b->root);
        if (!r->has_own_mounts) {
                r->root = fd_take(&place);
                return 0;
        }
        if (set_around(b, e) < 0 || make_parent_private(place, e) < 0)
                return -e->code;
        autofd root = mount_copy(AT_FDCWD, b->root, true, e);
        if (root < 0 || check_same(place, root, b->root, e) < 0 ||
            mount_attr_set_propagation(root, MS_PRIVATE, e) < 0 ||
            newmount_attach(root, place, "", e) < 0)
                return err_prefix(e, "cannot mount the root '%s'", b->root);
        r->root = fd_take(&root);
        r->old_root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        return r->old_root < 0 ? err_sys(e, "cannot open '/'") : 0;
}

/* As crun and runc have it: a working directory that is missing is made; entering it says what is wrong. */
static void make_workdir(const struct bundle *b, const struct rootfs *r)
{
        struct err unused = { 0 };
        const unsigned flags = MOUNT_PLACE_IS_MADE | MOUNT_PLACE_IS_DIRECTORY;

        if (b->has_process && b->plan.exec.workdir) {
                autofd made = mount_place_open(r->root, b->plan.exec.workdir, flags, &unused);
                (void)made;
        }
}

/* Nobody would take them off the host again. */
static int check_namespace(const struct bundle *b, struct err *e)
{
        if (b->ns[BUNDLE_NS_MOUNT].is_asked ||
            (b->n_mounts == 0 && b->n_masked == 0 && b->n_read_only == 0))
                return 0;
        return err_set(e, EINVAL,
                       "mounts, linux.maskedPaths and linux.readonlyPaths need a mount namespace "
                       "in linux.namespaces");
}

/*
 * sysfs has to wait for the network, which is made meanwhile: it comes last, with what lies in it.  NULL:
 * there is none, or something depends on its place.
 */
static const struct bundle_mount *find_late_sysfs(const struct rootfs_spec *spec)
{
        const struct bundle *b = spec->bundle;
        const struct bundle_mount *sysfs = NULL;

        for (size_t i = 0; i < b->n_mounts; i++) {
                const struct bundle_mount *m = &b->mounts[i];

                if (!sysfs && !m->is_bind && str_eq(m->type, "sysfs"))
                        sysfs = m;
                else if (sysfs && path_is_in(sysfs->box_path, m->box_path))
                        return NULL;
        }
        for (size_t i = 0; sysfs && i < b->n_devices; i++) {
                if (path_is_in(b->devices[i].box_path, sysfs->box_path))
                        return NULL;
        }
        return spec->has_new_network ? sysfs : NULL;
}

static int add_mounts(const struct rootfs_spec *spec, struct rootfs *r,
                      const struct bundle_mount *sysfs, bool is_late, struct err *e)
{
        const struct bundle *b = spec->bundle;

        for (size_t i = 0; i < b->n_mounts; i++) {
                const struct bundle_mount *m = &b->mounts[i];

                if ((sysfs && m >= sysfs && path_is_in(m->box_path, sysfs->box_path)) != is_late)
                        continue;
                if (mount_add(spec, r, m, e) < 0)
                        return -e->code;
        }
        return 0;
}

static int build(const struct rootfs_spec *spec, struct rootfs *r, struct err *e)
{
        const struct bundle *b = spec->bundle;

        const struct bundle_mount *sysfs = find_late_sysfs(spec);

        if (check_namespace(b, e) < 0 || open_root(b, r, e) < 0)
                return -e->code;
        if (add_mounts(spec, r, sysfs, false, e) < 0 || devices_add(spec, r, e) < 0 ||
            (sysfs && add_mounts(spec, r, sysfs, true, e) < 0))
                return -e->code;
        make_workdir(b, r);
        return sysctl_prepare(b, r, e);
}

int rootfs_build(const struct rootfs_spec *spec, struct rootfs *ret, struct err *e)
{
        const struct bundle_namespace *ns = &spec->bundle->ns[BUNDLE_NS_MOUNT];
        struct rootfs r = ROOTFS_NONE;

        r.has_own_mounts = ns->is_asked && !ns->path;
        /* one for each mount that is read-only at the end */
        if (spec->bundle->n_mounts > 200)
                fd_make_room(spec->bundle->n_mounts + 200);
        /* modes are meant as they are written */
        mode_t mask = umask(0);
        int result = build(spec, &r, e);
        umask(mask);
        if (result < 0)
                rootfs_done(&r);
        else
                *ret = r;
        return result;
}

int rootfs_finish(const struct rootfs_spec *spec, struct rootfs *r, struct err *e)
{
        const struct bundle *b = spec->bundle;

        if (sysctl_write(b, r, e) < 0)
                return -e->code;
        fd_close(&r->proc_sys);
        if (masks_add(b, r, e) < 0)
                return -e->code;
        for (size_t i = 0; i < r->n_kept; i++) {
                const struct rootfs_kept *k = &r->kept[i];

                if (k->is_read_only_later && mount_attr_set_read_only(k->mount, false, e) < 0)
                        return err_prefix(e, "%s: cannot make '%s' read-only", k->config->where,
                                          k->config->box_path);
        }
        if (b->root_is_read_only && mount_attr_set_read_only(r->root, false, e) < 0)
                return err_prefix(e, "root.readonly: cannot make the root read-only");
        return 0;
}

int rootfs_set_console(struct rootfs *r, int slave, struct err *e)
{
        const unsigned flags = MOUNT_PLACE_IS_MADE | MOUNT_PLACE_IS_PLAIN;
        autofd place = mount_place_open(r->root, "/dev/console", flags, e);
        struct stat st;

        if (place < 0)
                return -e->code;
        if (fstat(slave, &st) < 0 || !S_ISCHR(st.st_mode))
                return err_set(e, ENOTTY, "what should be '/dev/console' is no terminal");
        autofd mount = mount_copy(slave, "", false, e);
        if (mount < 0)
                return err_prefix(e, "cannot mount the terminal at '/dev/console'");
        return mount_place_attach(r->root, "/dev/console", flags, place, mount, e);
}
