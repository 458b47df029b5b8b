#include "rootfs.h"

#include "fd.h"
#include "mount-attr.h"
#include "newmount.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Entering the root, in one of three ways; afterwards no name leads out of it. */

static int check_root(struct err *e)
{
        char cwd[2];

        if (syscall(SYS_getcwd, cwd, sizeof(cwd)) != 2 || cwd[0] != '/')
                return err_set(e, EXDEV, "the new root is not the root");
        return 0;
}

/* Without a mount namespace of its own: who may leave a chroot is a matter of its capabilities. */
static int change_root(const struct rootfs *r, struct err *e)
{
        if (fchdir(r->root) < 0 || chroot(".") < 0 || chdir("/") < 0)
                return err_sys(e, "cannot change the root");
        return check_root(e);
}

/*
 * pivot_root(".", ".") leaves the old root on top of the new one; what is then done to "." is done to the old
 * one (pivot_root(2), Notes).  Taking it off must not be seen where it came from.
 */
static int pivot(struct rootfs *r, struct err *e)
{
        if (fchdir(r->root) < 0)
                return err_sys(e, "cannot enter the root");
        if (syscall(SYS_pivot_root, ".", ".") < 0)
                return err_sys(e, "cannot make the root the root");
        if (fchdir(r->old_root) < 0)
                return err_sys(e, "cannot enter the old root");
        if (mount(NULL, ".", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return err_sys(e, "cannot part with the old root");
        if (umount2(".", MNT_DETACH) < 0)
                return err_sys(e, "cannot detach the old root");
        fd_close(&r->old_root);
        if (chdir("/") < 0)
                return err_sys(e, "cannot enter '/'");
        return check_root(e);
}

/*
 * --no-pivot, for a root that cannot be pivoted away (an initramfs): the new one is moved over it.  The old
 * one stays below, so /proc and /sys there, which tell and steer the host, are taken away first.
 */
static int hide(const char *host_path, struct err *e)
{
        if (umount2(host_path, MNT_DETACH) == 0)
                return 0;
        if (errno != EINVAL && errno != EPERM)
                return err_sys(e, "cannot take '%s' away", host_path);
        /* locked, or no mount */
        if (mount("none", host_path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                  "size=4k") < 0)
                return err_sys(e, "cannot cover '%s'", host_path);
        return 0;
}

static int move(struct rootfs *r, struct err *e)
{
        if (fchdir(r->root) < 0)
                return err_sys(e, "cannot enter the root");
        if (hide("/sys", e) < 0 || hide("/proc", e) < 0)
                return -e->code;
        if (newmount_attach(r->root, r->old_root, "", e) < 0)
                return err_prefix(e, "--no-pivot");
        fd_close(&r->old_root);
        return change_root(r, e);
}

/* That of the root, and of what is below it if the word says so; and then again of mounts that have their own. */
static int set_propagation(const struct bundle *b, const struct rootfs *r, struct err *e)
{
        if (b->propagation == 0)
                return 0;
        if (mount_attr_set_propagation(r->root, b->propagation, e) < 0)
                return err_prefix(e, "linux.rootfsPropagation");
        for (size_t i = 0; (b->propagation & MS_REC) && i < r->n_kept; i++) {
                const struct rootfs_kept *k = &r->kept[i];

                if (mount_attr_propagate(k->config, k->mount, e) < 0)
                        return err_prefix(e, "%s", k->config->where);
        }
        return 0;
}

int rootfs_enter(const struct rootfs_spec *spec, struct rootfs *r, struct err *e)
{
        if (!r->has_own_mounts)
                return change_root(r, e);
        if ((spec->no_pivot ? move(r, e) : pivot(r, e)) < 0)
                return -e->code;
        return set_propagation(spec->bundle, r, e);
}
