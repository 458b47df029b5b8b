#include "devices.h"

#include "fd.h"
#include "mount-place.h"
#include "mount.h"
#include "newmount.h"
#include "path.h"
#include "resolve.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static const struct bundle_device standard[] = {
        { "default", "/dev/null", 'c', 1, 3, .mode = 0666, .has_mode = true },
        { "default", "/dev/zero", 'c', 1, 5, .mode = 0666, .has_mode = true },
        { "default", "/dev/full", 'c', 1, 7, .mode = 0666, .has_mode = true },
        { "default", "/dev/random", 'c', 1, 8, .mode = 0666, .has_mode = true },
        { "default", "/dev/urandom", 'c', 1, 9, .mode = 0666, .has_mode = true },
        { "default", "/dev/tty", 'c', 5, 0, .mode = 0666, .has_mode = true },
};

struct link {
        const char *name;
        const char *target;
        bool is_forced; /* what else has the name makes way: another devpts is not the container's */
};

static const struct link links[] = {
        { "fd", "/proc/self/fd", false },       { "stdin", "/proc/self/fd/0", false },
        { "stdout", "/proc/self/fd/1", false }, { "stderr", "/proc/self/fd/2", false },
        { "core", "/proc/kcore", false },       { "ptmx", "pts/ptmx", true },
};

static mode_t type_bits(const struct bundle_device *d)
{
        return d->type == 'b' ? S_IFBLK : d->type == 'p' ? S_IFIFO : S_IFCHR;
}

static bool is_node(const struct stat *st, const struct bundle_device *d)
{
        if ((st->st_mode & S_IFMT) != type_bits(d))
                return false;
        return d->type == 'p' || st->st_rdev == makedev(d->major, d->minor);
}

/* The directory of a node by descriptor, and its name in it. */
static int open_parent(const struct rootfs *r, const char *box_path, const char **ret_name,
                       struct err *e)
{
        char parent[PATH_MAX];
        size_t len = strlen(box_path);

        *ret_name = path_base(box_path);
        size_t name = strlen(*ret_name);
        if (len >= sizeof(parent) || name == 0)
                return err_set(e, EINVAL, "'%s' is no place for a device", box_path);
        memcpy(parent, box_path, len + 1);
        parent[len > name + 1 ? len - name - 1 : 1] = '\0';
        unsigned flags = MOUNT_PLACE_IS_MADE | MOUNT_PLACE_IS_DIRECTORY;
        if (path_is_in(parent, "/dev"))
                flags |= MOUNT_PLACE_IS_PLAIN;
        return mount_place_open(r->root, parent, flags, e);
}

/*
 * Returns 1 when the node was made or is there already, 0 when it may not be made (and a bind can do).
 */
static int make_node(int parent, const char *name, const struct bundle_device *d, struct err *e)
{
        mode_t mode = d->has_mode ? d->mode & 07777 : 0666;
        struct stat st;

        if (mknodat(parent, name, type_bits(d) | mode, makedev(d->major, d->minor)) < 0) {
                if (errno == EPERM)
                        return 0;
                if (errno != EEXIST)
                        return err_sys(e, "cannot make it");
                /* the same device: engines' images have some; of another kind, a mount covers it */
                return fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && is_node(&st, d);
        }
        if ((d->has_uid || d->has_gid) &&
            fchownat(parent, name, d->has_uid ? d->uid : (uid_t)-1, d->has_gid ? d->gid : (gid_t)-1,
                     AT_SYMLINK_NOFOLLOW) < 0)
                return err_sys(e, "cannot set its owner");
        /* it was made with an umask of 0, and is ours: but a new owner takes set-id bits off */
        return 1;
}

/* A copy of the host's node: the very device that was asked for, or nothing. */
static int copy_node(const struct bundle_device *d, struct err *e)
{
        const struct mount_attr attr = { .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
                                         .propagation = MS_PRIVATE };
        autofd mount = mount_copy(AT_FDCWD, d->box_path, false, e);
        struct stat st;

        if (mount < 0)
                return -e->code;
        if (fstat(mount, &st) < 0)
                return err_sys(e, "cannot stat '%s'", d->box_path);
        if (!is_node(&st, d))
                return err_set(e, ENODEV, "the host's '%s' is another device than %c %u:%u",
                               d->box_path, d->type, d->major, d->minor);
        if (newmount_change(mount, &attr, false, e) < 0)
                return -e->code;
        return fd_take(&mount);
}

/* Something to mount a node on: a file, which is made, or what the image has there but a symlink. */
static int open_target(int parent, const char *name, struct err *e)
{
        struct stat st;
        autofd made =
                openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

        if (made >= 0)
                return fd_take(&made);
        if (errno != EEXIST)
                return err_sys(e, "cannot make a place for it");
        autofd target = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (target < 0 || fstat(target, &st) < 0)
                return err_sys(e, "cannot open its place");
        if (S_ISLNK(st.st_mode))
                return err_set(e, ELOOP, "the image has a symlink there");
        return fd_take(&target);
}

static int bind_node(struct rootfs *r, int parent, const char *name, const struct bundle_device *d,
                     struct err *e)
{
        autofd mount = copy_node(d, e);

        if (mount < 0)
                return -e->code;
        autofd target = open_target(parent, name, e);
        if (target < 0 || newmount_attach(mount, target, "", e) < 0)
                return -e->code;
        if (r->null < 0 && d->type == 'c' && d->major == 1 && d->minor == 3)
                r->null = fd_take(&mount);
        return 0;
}

static int add_device(const struct rootfs_spec *spec, struct rootfs *r, int dev,
                      const struct bundle_device *d, struct err *e)
{
        const char *name;
        int made = 0;
        autofd own = -1;
        int parent = dev;

        if (parent < 0)
                parent = own = open_parent(r, d->box_path, &name, e);
        else
                name = path_base(d->box_path);
        if (parent < 0)
                return -e->code;
        /* who may not make a device may still make a fifo */
        if (spec->is_root || d->type == 'p')
                made = make_node(parent, name, d, e);
        if (made != 0)
                return made < 0 ? -e->code : 0;
        return bind_node(r, parent, name, d, e);
}

/* The config has its own say about one that is there anyhow. */
static bool is_asked(const struct bundle *b, const char *box_path)
{
        for (size_t i = 0; i < b->n_devices; i++) {
                if (str_eq(b->devices[i].box_path, box_path))
                        return true;
        }
        return false;
}

static bool is_ptmx(const struct bundle_device *d)
{
        return str_eq(d->box_path, "/dev/ptmx") && d->type == 'c' && d->major == 5 && d->minor == 2;
}

static int add_all(const struct rootfs_spec *spec, struct rootfs *r, int dev, struct err *e)
{
        const struct bundle *b = spec->bundle;

        for (size_t i = 0; i < b->n_devices; i++) {
                const struct bundle_device *d = &b->devices[i];

                /* the one of the container's own devpts is that already: see links[] */
                if (is_ptmx(d))
                        continue;
                if (add_device(spec, r, -1, d, e) < 0)
                        return err_prefix(e, "%s: cannot add the device '%s'", d->where,
                                          d->box_path);
        }
        for (size_t i = 0; i < sizeof(standard) / sizeof(standard[0]); i++) {
                const struct bundle_device *d = &standard[i];

                if (is_asked(b, d->box_path) || mount_is_at(b, d->box_path))
                        continue;
                if (add_device(spec, r, dev, d, e) < 0)
                        return err_prefix(e, "cannot add the device '%s'", d->box_path);
        }
        return 0;
}

static int add_link(int dev, const struct link *l, struct err *e)
{
        char target[PATH_MAX];

        if (symlinkat(l->target, dev, l->name) == 0)
                return 0;
        if (errno != EEXIST)
                return err_sys(e, "cannot make the symlink '/dev/%s'", l->name);
        ssize_t n = readlinkat(dev, l->name, target, sizeof(target));
        bool is_same = n == (ssize_t)strlen(l->target) && memcmp(target, l->target, (size_t)n) == 0;
        if (is_same || !l->is_forced)
                return 0;
        if (unlinkat(dev, l->name, 0) < 0 || symlinkat(l->target, dev, l->name) < 0)
                return err_sys(e, "cannot put the symlink '/dev/%s' into its place", l->name);
        return 0;
}

/* process.terminal: what the terminal will be mounted on. */
static int make_console(int dev, struct err *e)
{
        autofd fd =
                openat(dev, "console", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0620);

        return fd < 0 && errno != EEXIST ? err_sys(e, "cannot make '/dev/console'") : 0;
}

/* Only the real one will do: an image's may be anything. */
static void find_null(struct rootfs *r)
{
        autofd fd = resolve_in_root(r->root, "/dev/null", O_PATH, RESOLVE_NO_SYMLINKS);
        struct stat st;

        if (r->null < 0 && fd >= 0 && fstat(fd, &st) == 0 && is_node(&st, &standard[0]))
                r->null = fd_take(&fd);
}

static bool is_dev_bound(const struct bundle *b)
{
        for (size_t i = 0; i < b->n_mounts; i++) {
                if (b->mounts[i].is_bind && str_eq(b->mounts[i].box_path, "/dev"))
                        return true;
        }
        return false;
}

int devices_add(const struct rootfs_spec *spec, struct rootfs *r, struct err *e)
{
        const unsigned flags =
                MOUNT_PLACE_IS_MADE | MOUNT_PLACE_IS_DIRECTORY | MOUNT_PLACE_IS_PLAIN;

        if (!is_dev_bound(spec->bundle)) {
                autofd dev = mount_place_open(r->root, "/dev", flags, e);

                if (dev < 0 || add_all(spec, r, dev, e) < 0)
                        return -e->code;
                for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
                        if (add_link(dev, &links[i], e) < 0)
                                return -e->code;
                }
                if (spec->bundle->has_process && spec->bundle->process.has_terminal &&
                    make_console(dev, e) < 0)
                        return -e->code;
        }
        find_null(r);
        return 0;
}
