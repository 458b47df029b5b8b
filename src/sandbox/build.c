#include "build.h"

#include "build-place.h"
#include "fd.h"
#include "image-root.h"
#include "io.h"
#include "newmount.h"
#include "overlay.h"
#include "resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/*
 * One function for each kind of entry.
 *
 * The new root is attached over "/" of the old one.  Name lookups start at the old root and do not
 * see it, so sources keep their names until pivot_root.
 */

#define EMPTY_DIR ".kelp-empty"
#define NEW_FILE  ".kelp-file"

static const char *relative(const char *box_path)
{
        return box_path[1] == '\0' ? "." : box_path + 1;
}

static int attach(const struct build *b, const struct tree_entry *entry, int mount, struct err *e)
{
        const char *name = relative(entry->box_path);

        if (!(entry->flags & TREE_IN_OWN_TMPFS)) {
                autofd place = build_place_open(b, entry, e);

                if (place < 0)
                        return -e->code;
                return build_place_attach(b, entry, mount, place, e);
        }
        if (entry->flags & TREE_IS_DIRECTORY) {
                if (mkdirat(b->root, name, 0755) < 0 && errno != EEXIST)
                        return err_sys(e, "cannot make the directory '%s'", entry->box_path);
        } else if (mknodat(b->root, name, S_IFREG | 0600, 0) < 0 && errno != EEXIST) {
                return err_sys(e, "cannot make the file '%s'", entry->box_path);
        }
        return newmount_attach(mount, b->root, name, e);
}

static int build_dir(const struct build *b, const struct tree_entry *entry, struct err *e)
{
        if (mkdirat(b->root, relative(entry->box_path), entry->mode) < 0 && errno != EEXIST)
                return err_sys(e, "cannot make the directory '%s'", entry->box_path);
        return 0;
}

static int build_symlink(const struct build *b, const struct tree_entry *entry, struct err *e)
{
        if (symlinkat(entry->source, b->root, relative(entry->box_path)) < 0)
                return err_sys(e, "cannot make the symlink '%s'", entry->box_path);
        return 0;
}

/* What is mounted is what was judged: the name may lead elsewhere by now. */
static int check_identity(const struct tree_entry *entry, int mount, struct err *e)
{
        struct stat st;

        if (entry->ino == 0 && !(entry->flags & TREE_IS_SPECIAL))
                return 0;
        if (fstat(mount, &st) < 0)
                return err_sys(e, "cannot stat '%s'", entry->source);
        if (entry->ino != 0 && (st.st_ino != entry->ino || st.st_dev != entry->dev))
                return err_set(e, ESTALE, "'%s' was replaced while the sandbox was being built",
                               entry->source);
        if (entry->ino == 0 && !S_ISCHR(st.st_mode))
                return err_set(e, ENODEV, "'%s' is not a character device", entry->source);
        return 0;
}

static int build_bind(const struct build *b, const struct tree *t, const struct tree_entry *entry,
                      struct err *e)
{
        if (entry->flags & TREE_OVERLAID) {
                autofd overlay = overlay_mount_over(t, entry, e);

                return overlay < 0 ? -e->code : attach(b, entry, overlay, e);
        }
        autofd mount = newmount_clone(AT_FDCWD, entry->source, entry->flags, e);

        if (mount < 0 || check_identity(entry, mount, e) < 0)
                return -e->code;
        if (newmount_set(mount, "", entry->flags, e) < 0)
                return -e->code;
        return attach(b, entry, mount, e);
}

static int build_pin(const struct build *b, const struct tree_entry *entry, struct err *e)
{
        autofd place = resolve_in_root(b->root, entry->box_path, O_PATH, 0);

        if (place < 0) {
                int code = -place;
                if (code == ENOENT && (entry->flags & TREE_IF_EXISTS))
                        return 0;
                return err_set(e, code, "cannot open '%s' of the new root: %s", entry->box_path,
                               err_name(code));
        }
        autofd mount = newmount_clone(place, "", entry->flags, e);
        if (mount < 0 || newmount_set(mount, "", entry->flags, e) < 0)
                return -e->code;
        return build_place_attach(b, entry, mount, place, e);
}

static int clone_cover(const struct build *b, bool is_directory, struct err *e)
{
        autofd mount = is_directory ? newmount_clone(b->stage, EMPTY_DIR, 0, e)
                                    : newmount_clone(b->null, "", 0, e);

        if (mount < 0 ||
            newmount_set(mount, "", TREE_READ_ONLY | TREE_NO_SUID | TREE_NO_DEV | TREE_NO_EXEC, e) <
                    0)
                return -e->code;
        return fd_take(&mount);
}

static int has_moved(struct err *e)
{
        return err_hint(e, "somebody works in that directory: start it again");
}

static int build_empty(const struct build *b, const struct tree_entry *entry, struct err *e)
{
        int flags = O_PATH | (entry->flags & TREE_NO_FOLLOW ? O_NOFOLLOW : 0);
        autofd place = resolve_in_root(b->root, entry->box_path, flags, 0);
        struct stat st;

        if (place < 0) {
                int code = -place;
                if ((code == ENOENT || code == ENOTDIR) && (entry->flags & TREE_IF_EXISTS))
                        return 0;
                err_set(e, code, "cannot open '%s' of the new root: %s", entry->box_path,
                        err_name(code));
                return entry->ino ? has_moved(e) : -e->code;
        }
        if (fstat(place, &st) < 0)
                return err_sys(e, "cannot stat '%s' of the new root", entry->box_path);
        if (entry->ino && (st.st_ino != entry->ino || st.st_dev != entry->dev)) {
                err_set(e, ESTALE, "'%s' was replaced", entry->box_path);
                return has_moved(e);
        }
        autofd mount = clone_cover(b, S_ISDIR(st.st_mode), e);
        if (mount < 0)
                return -e->code;
        return build_place_attach(b, entry, mount, place, e);
}

/*
 * A file system of its own takes the kernel longer to make, and to undo when the sandbox ends, than
 * all mounts on the way to it.  Where nobody asked for a size, a directory of the root's own tmpfs
 * does as well: mounted by itself, with its own flags, and with no way from one to the other.
 */
static int build_room(struct build *b, const struct tree_entry *entry, struct err *e)
{
        char name[16];

        snprintf(name, sizeof(name), "%zu", b->n_rooms++);
        if (mkdirat(b->rooms, name, entry->mode) < 0)
                return err_sys(e, "cannot make a directory in a new tmpfs");
        /* mkdir(2) takes no set-id bits */
        if ((entry->mode & 06000) && fchmodat(b->rooms, name, entry->mode, 0) < 0)
                return err_sys(e, "cannot set the mode of a directory in a new tmpfs");
        autofd mount = newmount_clone(b->rooms, name, 0, e);
        if (mount < 0 || newmount_set(mount, "", entry->flags & ~(unsigned)TREE_READ_ONLY, e) < 0)
                return -e->code;
        return attach(b, entry, mount, e);
}

static int build_tmpfs(struct build *b, const struct tree_entry *entry, struct err *e)
{
        char mode[16];
        char size[32];
        struct newmount_option options[] = { { "mode", mode }, { "size", size } };

        if (entry->size == 0)
                return build_room(b, entry, e);
        snprintf(mode, sizeof(mode), "%o", entry->mode);
        snprintf(size, sizeof(size), "%llu", (unsigned long long)entry->size);
        autofd mount = newmount_fs("tmpfs", options, 2, entry->flags, e);
        if (mount < 0)
                return -e->code;
        return attach(b, entry, mount, e);
}

static int build_proc(struct build *b, const struct tree_entry *entry, struct err *e)
{
        autofd mount = newmount_fs("proc", NULL, 0, entry->flags, e);

        if (mount < 0)
                return -e->code;
        /* the write comes later; the name is read-only for everybody by then */
        if (!b->plan->confine.may_nest_userns) {
                b->max_userns = openat(mount, "sys/user/max_user_namespaces", O_WRONLY | O_CLOEXEC);
                if (b->max_userns < 0)
                        return err_sys(e, "cannot open 'sys/user/max_user_namespaces'");
        }
        return attach(b, entry, mount, e);
}

static int build_kernels(const struct build *b, const struct tree_entry *entry, const char *type,
                         struct err *e)
{
        autofd mount = newmount_fs(type, NULL, 0, entry->flags, e);

        if (mount < 0 || newmount_set(mount, "", entry->flags, e) < 0)
                return -e->code;
        return attach(b, entry, mount, e);
}

static int build_devpts(const struct build *b, const struct tree_entry *entry, struct err *e)
{
        static const struct newmount_option options[] = { { "ptmxmode", "0666" },
                                                          { "mode", "0620" } };
        autofd mount = newmount_fs("devpts", options, 2, entry->flags, e);

        if (mount < 0)
                return -e->code;
        return attach(b, entry, mount, e);
}

static int write_new_file(int dir, const char *name, const struct tree_entry *entry, struct err *e)
{
        autofd fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                           entry->mode);

        if (fd < 0)
                return err_sys(e, "cannot create '%s'", entry->box_path);
        return io_write_all(fd, entry->source, strlen(entry->source), entry->box_path, e);
}

static int mount_file(const struct build *b, const struct tree_entry *entry, int place,
                      struct err *e)
{
        if (write_new_file(b->stage, NEW_FILE, entry, e) < 0)
                return -e->code;
        autofd mount = newmount_clone(b->stage, NEW_FILE, 0, e);
        if (mount < 0 || newmount_set(mount, "", entry->flags, e) < 0 ||
            build_place_attach(b, entry, mount, place, e) < 0)
                return -e->code;
        /* after it was attached: what has no name cannot be */
        if (unlinkat(b->stage, NEW_FILE, 0) < 0)
                return err_sys(e, "cannot remove a temporary file of the new root");
        return 0;
}

/*
 * Over a regular file the new one is mounted: nothing of the host or the image has to be changed.
 * What else an image has there, a symlink into a directory that it lacks, makes way in its upper
 * layer.
 */
static int build_file(const struct build *b, const struct tree_entry *entry, struct err *e)
{
        struct stat st;

        if (entry->flags & TREE_IN_OWN_TMPFS)
                return write_new_file(b->root, relative(entry->box_path), entry, e);
        autofd place = resolve_in_root(b->root, entry->box_path, O_PATH | O_NOFOLLOW, 0);
        if (place >= 0 && fstat(place, &st) == 0 && S_ISREG(st.st_mode))
                return entry->flags & TREE_IF_ABSENT ? 0 : mount_file(b, entry, place, e);
        if (b->plan->root == PLAN_ROOT_IMAGE) {
                return image_write_file(&b->image, entry, e);
        }
        int code = place < 0 ? -place : EINVAL;
        return err_set(e, code, "cannot mount on '%s': %s", entry->box_path, err_name(code));
}

static int build_entry(struct build *b, const struct tree *t, const struct tree_entry *entry,
                       struct err *e)
{
        switch (entry->kind) {
        case TREE_DIR:
                return build_dir(b, entry, e);
        case TREE_SYMLINK:
                return build_symlink(b, entry, e);
        case TREE_FILE:
                return build_file(b, entry, e);
        case TREE_BIND:
                return build_bind(b, t, entry, e);
        case TREE_PIN:
                return build_pin(b, entry, e);
        case TREE_EMPTY:
                return build_empty(b, entry, e);
        case TREE_TMPFS:
                return build_tmpfs(b, entry, e);
        case TREE_PROC:
                return build_proc(b, entry, e);
        case TREE_SYSFS:
                return build_kernels(b, entry, "sysfs", e);
        case TREE_DEVPTS:
                return build_devpts(b, entry, e);
        case TREE_MQUEUE:
                return build_kernels(b, entry, "mqueue", e);
        case TREE_OVERLAY:
                break;
        }
        return err_set(e, EINVAL, "'%s' is not in its place", entry->box_path);
}

/* The tmpfs that everything starts from; it covers "/" but not the names below it. */
static int build_stage(struct build *b, struct err *e)
{
        char size[32];
        struct newmount_option options[] = { { "mode", "0755" }, { "size", size } };
        uint64_t memory = b->plan->limits.memory;

        /* what is written to it is memory, too; without a limit it is the kernel's default */
        snprintf(size, sizeof(size), "%llu", (unsigned long long)memory);
        b->stage = newmount_fs("tmpfs", options, memory > 0 ? 2 : 1, TREE_NO_SUID | TREE_NO_DEV, e);
        if (b->stage < 0 || newmount_attach(b->stage, AT_FDCWD, "/", e) < 0)
                return -e->code;
        if (mkdirat(b->stage, EMPTY_DIR, 0) < 0 || mkdirat(b->stage, "proc", 0755) < 0)
                return err_sys(e, "cannot make a directory in a new tmpfs");
        /* of a host view /proc will cover it; the stage of an image is not seen at all */
        b->rooms = openat(b->stage, "proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        return b->rooms < 0 ? err_sys(e, "cannot open a directory of a new tmpfs") : 0;
}

/* A device node covers what a payload or an image must not read: only the real one will do. */
static int open_null(struct build *b, struct err *e)
{
        struct stat st;

        b->null = open("/dev/null", O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (b->null < 0 || fstat(b->null, &st) < 0)
                return err_sys(e, "cannot open '/dev/null'");
        if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
                return err_set(e, ENODEV, "'/dev/null' of the host is not the null device");
        return 0;
}

static int make_image(struct build *b, const struct image_base *image, struct err *e)
{
        int top = b->stage;

        if (b->plan->image.kept_dir) {
                top = b->image.kept = image_open_kept(b->plan, image->kept, e);
                if (top < 0)
                        return -e->code;
        }
        b->root = image_mount_root(b->plan, image, top, e);
        b->image.root = b->root;
        return b->root < 0 ? -e->code : newmount_attach(b->root, AT_FDCWD, "/", e);
}

static int make_base(struct build *b, const struct image_base *image, struct err *e)
{
        if (open_null(b, e) < 0 || build_stage(b, e) < 0)
                return -e->code;
        if (b->plan->root == PLAN_ROOT_IMAGE)
                return make_image(b, image, e);
        b->root = fcntl(b->stage, F_DUPFD_CLOEXEC, 3);
        return b->root < 0 ? err_sys(e, "cannot open the new root") : 0;
}

static int set_read_only(const struct build *b, const struct tree *t, struct err *e)
{
        if (b->plan->root == PLAN_ROOT_HOST && unlinkat(b->stage, EMPTY_DIR, AT_REMOVEDIR) < 0)
                return err_sys(e, "cannot remove a directory of the new root");
        for (size_t i = 1; i < t->n_entries; i++) {
                const struct tree_entry *entry = &t->entries[i];

                if (entry->kind != TREE_TMPFS || !(entry->flags & TREE_READ_ONLY))
                        continue;
                autofd place = resolve_in_root(b->root, entry->box_path, O_PATH, 0);
                if (place < 0)
                        return err_set(e, -place, "cannot open '%s'", entry->box_path);
                if (newmount_set(place, "", TREE_READ_ONLY, e) < 0)
                        return -e->code;
        }
        if (b->plan->root == PLAN_ROOT_HOST || b->plan->files.is_read_only)
                return newmount_set(b->root, "", TREE_READ_ONLY, e);
        return 0;
}

static int build_entries(struct build *b, const struct tree *t, bool is_last, struct err *e)
{
        for (; b->n_built < t->n_entries; b->n_built++) {
                const struct tree_entry *entry = &t->entries[b->n_built];

                if (entry->kind == TREE_SYSFS && !is_last)
                        return 0;
                if (build_entry(b, t, entry, e) < 0)
                        return err_prefix(e, "%s '%s' (%s)", tree_kind_name(entry->kind),
                                          entry->box_path, entry->origin);
        }
        return 0;
}

/* What the build alone needs, and whoever runs in it must not have. */
static void close_places(struct build *b)
{
        fd_close(&b->root);
        fd_close(&b->stage);
        fd_close(&b->rooms);
        fd_close(&b->null);
        fd_close(&b->image.kept);
}

int build_base(const struct plan *p, const struct image_base *image, struct build *ret,
               struct err *e)
{
        struct build b = BUILD_NONE;

        b.plan = p;
        b.n_built = 1; /* the base is the first entry */
        if (make_base(&b, image, e) < 0) {
                close_places(&b);
                return -e->code;
        }
        *ret = b;
        return 0;
}

int build_root(struct build *b, const struct tree *t, struct err *e)
{
        return build_entries(b, t, false, e);
}

/*
 * As docker has it: an image's working directory need not be there.  One in what the user shares is
 * not made, nor is one below a file; entering it says so.
 */
static int make_workdir(const struct build *b, struct err *e)
{
        const char *workdir = b->plan->exec.workdir;
        autofd there = resolve_in_root(b->root, workdir, O_PATH, 0);

        if (b->plan->root != PLAN_ROOT_IMAGE || there != -ENOENT)
                return 0;
        autofd made = image_make_place(&b->image, workdir, true, 0, e);
        return made < 0 ? err_prefix(e, "cannot make the working directory") : 0;
}

int build_last(struct build *b, const struct tree *t, struct err *e)
{
        if (build_entries(b, t, true, e) < 0 || make_workdir(b, e) < 0)
                return -e->code;
        return set_read_only(b, t, e);
}

int build_pivot(struct build *b, struct err *e)
{
        char cwd[2];

        if (fchdir(b->root) < 0)
                return err_sys(e, "cannot enter the new root");
        if (syscall(SYS_pivot_root, ".", ".") < 0)
                return err_sys(e, "cannot make the new root the root");
        /*
         * The old root lies over the new one now, and "." is the topmost of what is stacked there.
         * Over the old root of an image there is the stage still; the new root of a host view is
         * the stage.
         */
        if (b->plan->root == PLAN_ROOT_IMAGE && umount2(".", MNT_DETACH) < 0)
                return err_sys(e, "cannot detach the tmpfs below the image");
        if (umount2(".", MNT_DETACH) < 0)
                return err_sys(e, "cannot detach the old root");
        if (chdir("/") < 0)
                return err_sys(e, "cannot enter '/'");
        if (syscall(SYS_getcwd, cwd, sizeof(cwd)) != 2 || cwd[0] != '/')
                return err_set(e, EXDEV, "the new root is not the root");
        close_places(b);
        return 0;
}
