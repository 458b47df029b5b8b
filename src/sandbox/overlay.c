#include "overlay.h"

#include "attrs.h"
#include "fd.h"
#include "io.h"
#include "mem.h"
#include "mounts.h"
#include "newmount.h"
#include "path.h"
#include "step.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_TABLE (16u << 20)

/* One option a layer, which kernels before 6.5 do not know. */
static int mount_new_way(const struct overlay_layers *layers, struct newmount_option *options,
                         struct arena *a, struct err *e)
{
        for (size_t i = 0; i < layers->n; i++) {
                char *text = arena_print(a, e, "/proc/self/fd/%d", layers->fds[i]);

                if (!text)
                        return -e->code;
                options[i] = (struct newmount_option){ "lowerdir+", text };
        }
        return newmount_fs("overlay", options, layers->n + 3, TREE_NO_SUID | TREE_NO_DEV, e);
}

/*
 * All layers in one string, of the length that fsconfig(2) takes. Their descriptors' numbers, as
 * names in the directory of them, leave room for eighty.
 */
static int join_layers(const struct overlay_layers *layers, char *text, size_t size, struct err *e)
{
        size_t used = 0;

        for (size_t i = 0; i < layers->n; i++) {
                int len = snprintf(text + used, size - used, "%s%d", i ? ":" : "", layers->fds[i]);

                if (len < 0 || (size_t)len >= size - used)
                        return err_set(e, E2BIG, "this kernel cannot overlay %zu layers",
                                       layers->n);
                used += (size_t)len;
        }
        return 0;
}

static int mount_old_way(const struct overlay_layers *layers, struct newmount_option *last,
                         struct err *e)
{
        struct newmount_option options[4];
        char text[256];

        if (join_layers(layers, text, sizeof(text), e) < 0)
                return -e->code;
        autofd here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        /* one that cannot be searched: nothing is found from there, and so it need not be kept */
        if (here < 0 && errno != EACCES)
                return err_sys(e, "cannot open the current directory");
        options[0] = (struct newmount_option){ "lowerdir", text };
        memcpy(&options[1], last, 3 * sizeof(*last));
        if (chdir("/proc/self/fd") < 0)
                return err_sys(e, "cannot enter '/proc/self/fd'");
        autofd mount = newmount_fs("overlay", options, 4, TREE_NO_SUID | TREE_NO_DEV, e);
        if ((here >= 0 ? fchdir(here) : chdir("/")) < 0)
                return err_sys(e, "cannot return to the current directory");
        return mount < 0 ? mount : fd_take(&mount);
}

int overlay_mount(const struct overlay_layers *layers, int top, struct arena *a, struct err *e)
{
        struct newmount_option *options = arena_alloc(a, (layers->n + 3) * sizeof(*options), e);
        char *upper = options ? arena_print(a, e, "/proc/self/fd/%d/" OVERLAY_UPPER, top) : NULL;
        char *work = upper ? arena_print(a, e, "/proc/self/fd/%d/" OVERLAY_WORK, top) : NULL;
        struct newmount_option *last = options + layers->n;

        if (!work)
                return -e->code;
        last[0] = (struct newmount_option){ "upperdir", upper };
        last[1] = (struct newmount_option){ "workdir", work };
        last[2] = (struct newmount_option){ "userxattr", NULL };
        int mount = mount_new_way(layers, options, a, e);
        if (mount < 0 && e->code == EINVAL) {
                *e = (struct err){ .step = e->step };
                return mount_old_way(layers, last, e);
        }
        return mount;
}

/*
 * The kernel's own directory in there has no permissions at all, and a plain `rm -rf` by its owner
 * would fail on it.  To the kernel they mean nothing.
 */
int overlay_open_work(int top, struct err *e)
{
        if (fchmodat(top, OVERLAY_WORK "/work", 0700, 0) < 0 && errno != ENOENT)
                return err_sys(e, "cannot set the mode of the work directory of an overlay");
        return 0;
}

int overlay_open_judged(const char *path, dev_t dev, ino_t ino, struct err *e)
{
        autofd fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return err_sys(e, "cannot open '%s'", path);
        if (st.st_dev != dev || st.st_ino != ino)
                return err_set(e, ESTALE, "'%s' was replaced while the sandbox was being built",
                               path);
        return fd_take(&fd);
}

/* It takes what the sandbox writes: nobody else may have a hand in it, nor may the sandbox see it. */
static int judge_overlay_dir(const struct plan *p, struct tree *t, struct err *e)
{
        const char *path = p->files.overlay_dir;
        autofd fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return err_sys(e, "cannot open '%s'", path);
        if (st.st_uid != geteuid() || (st.st_mode & 077))
                return err_set(e, EPERM, "'%s' must be yours alone, with mode 0700", path);
        t->overlay_dir = path;
        t->is_review = p->files.is_review;
        t->overlay_dev = st.st_dev;
        t->overlay_ino = st.st_ino;
        return 0;
}

static bool is_writable_directory(const struct tree_entry *entry)
{
        return entry->kind == TREE_BIND && entry->fd >= 0 && (entry->flags & TREE_IS_DIRECTORY) &&
               !(entry->flags & TREE_READ_ONLY);
}

/* A file by itself has no overlay, and would be changed on the host. */
static bool is_writable_file(const struct tree_entry *entry)
{
        const unsigned no_file = TREE_IS_DIRECTORY | TREE_READ_ONLY | TREE_IS_SPECIAL;

        return entry->kind == TREE_BIND && entry->fd >= 0 && !(entry->flags & no_file);
}

/*
 * The kernel shows a user nothing that lies below a mount point of somebody else's: a directory
 * with one in it is no layer.
 */
static int check_no_mounts(const struct tree_entry *entry, const char *mounts, struct err *e)
{
        autofree char *point = NULL;

        if (host_find_mount_below(mounts, entry->source, &point, e) < 0)
                return -e->code;
        if (!point)
                return 0;
        err_set(e, EXDEV,
                "cannot keep the changes of '%s' apart: another file system is mounted in "
                "it, at '%s'",
                entry->source, point);
        return err_hint(e, "unmount that, or share directories further down");
}

/* Where the upper layers lie is chosen by a variable. */
static const char *variable(const struct plan *p)
{
        return p->files.is_review ? "XDG_STATE_HOME" : "TMPDIR";
}

static int overlay_entry(const struct plan *p, struct tree *t, struct tree_entry *entry,
                         size_t number, const char *mounts, struct err *e)
{
        if (path_is_in(t->overlay_dir, entry->source)) {
                err_set(e, ELOOP, "cannot keep the changes of '%s' apart in '%s', which lies in it",
                        entry->source, t->overlay_dir);
                return err_hint(e, "set %s to a directory elsewhere", variable(p));
        }
        if (check_no_mounts(entry, mounts, e) < 0)
                return -e->code;
        entry->upper = arena_print(&t->arena, e, "%zu", number);
        if (!entry->upper)
                return -e->code;
        entry->flags |= TREE_OVERLAID;
        return 0;
}

/* Nothing outside makes use of a cache of kelp's own: there is nothing to look at before it may. */
static bool stays_direct(const struct plan *p, const struct tree_entry *entry)
{
        return p->files.is_review && (entry->flags & TREE_IS_CACHE);
}

static int overlay_all(const struct plan *p, struct tree *t, struct err *e)
{
        autofree char *mounts = NULL;
        size_t n = 0;

        if (io_read_file(AT_FDCWD, "/proc/self/mountinfo", MAX_TABLE, &mounts, NULL, e) < 0)
                return err_prefix(e, "cannot look for other file systems");
        for (size_t i = 0; i < t->n_entries; i++) {
                struct tree_entry *entry = &t->entries[i];

                if (is_writable_file(entry)) {
                        err_set(e, ENOTDIR, "cannot keep the changes of the file '%s' apart",
                                entry->source);
                        err_hint(e, "name the directory that it is in");
                        return err_prefix(e, "%s", entry->origin);
                }
                if (is_writable_directory(entry) && !stays_direct(p, entry) &&
                    overlay_entry(p, t, entry, n++, mounts, e) < 0)
                        return err_prefix(e, "%s", entry->origin);
        }
        return 0;
}

int overlay_plan(const struct plan *p, struct tree *t, struct err *e)
{
        int step = e->step;

        if (!p->files.overlay_dir || p->root != PLAN_ROOT_HOST)
                return 0;
        e->step = STEP_OVERLAY;
        if (judge_overlay_dir(p, t, e) < 0 || overlay_all(p, t, e) < 0)
                return -e->code;
        e->step = step;
        return 0;
}

/* The root of the overlay looks like what it covers: mode, times, attributes. */
static int dress_upper(const struct tree_entry *entry, int lower, int top, struct err *e)
{
        autofd upper = openat(top, OVERLAY_UPPER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;

        if (upper < 0 || fstat(lower, &st) < 0)
                return err_sys(e, "cannot look at '%s'", entry->source);
        const struct timespec times[2] = { st.st_atim, st.st_mtim };
        if (attrs_copy(lower, upper, e) < 0)
                return err_prefix(e, "'%s'", entry->source);
        if (fchmod(upper, st.st_mode & 07777) < 0 || futimens(upper, times) < 0)
                return err_sys(e, "cannot set the mode and times of an upper layer");
        return 0;
}

static int make_top(const struct tree *t, const struct tree_entry *entry, int dir, struct err *e)
{
        autofd lower = open(entry->source, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;

        if (lower < 0 || fstat(lower, &st) < 0)
                return err_sys(e, "cannot open '%s'", entry->source);
        if (st.st_dev != entry->dev || st.st_ino != entry->ino)
                return err_set(e, ESTALE, "'%s' was replaced while the sandbox was being built",
                               entry->source);
        if (mkdirat(dir, entry->upper, 0700) < 0)
                return err_sys(e, "cannot make '%s' in '%s'", entry->upper, t->overlay_dir);
        autofd top = openat(dir, entry->upper, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (top < 0)
                return err_sys(e, "cannot open '%s' in '%s'", entry->upper, t->overlay_dir);
        if (mkdirat(top, OVERLAY_WORK, 0700) < 0 || mkdirat(top, OVERLAY_UPPER, 0700) < 0)
                return err_sys(e, "cannot make an upper layer in '%s'", t->overlay_dir);
        return dress_upper(entry, lower, top, e);
}

static int make_tops(const struct tree *t, struct err *e)
{
        autofd dir = overlay_open_judged(t->overlay_dir, t->overlay_dev, t->overlay_ino, e);

        if (dir < 0)
                return -e->code;
        for (size_t i = 0; i < t->n_entries; i++) {
                if ((t->entries[i].flags & TREE_OVERLAID) &&
                    make_top(t, &t->entries[i], dir, e) < 0)
                        return -e->code;
        }
        return 0;
}

int overlay_make(const struct tree *t, struct err *e)
{
        int step = e->step;

        if (!t->overlay_dir)
                return 0;
        e->step = STEP_OVERLAY;
        if (make_tops(t, e) < 0)
                return -e->code;
        e->step = step;
        return 0;
}

static int open_top(const struct tree *t, const struct tree_entry *entry, struct err *e)
{
        autofd dir = overlay_open_judged(t->overlay_dir, t->overlay_dev, t->overlay_ino, e);

        if (dir < 0)
                return -e->code;
        autofd top = openat(dir, entry->upper, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (top < 0)
                return err_sys(e, "cannot open '%s' in '%s'", entry->upper, t->overlay_dir);
        return fd_take(&top);
}

static int mount_over(const struct tree *t, const struct tree_entry *entry, struct err *e)
{
        autofd lower = overlay_open_judged(entry->source, entry->dev, entry->ino, e);
        autofd top = lower < 0 ? -1 : open_top(t, entry, e);
        struct overlay_layers layers = { .fds = { lower }, .n = 1 };
        struct arena arena = { 0 };

        if (top < 0)
                return -e->code;
        autofd mount = overlay_mount(&layers, top, &arena, e);
        arena_done(&arena);
        if (mount < 0) {
                err_prefix(e, "cannot keep the changes of '%s' apart in '%s'", entry->source,
                           t->overlay_dir);
                return err_hint(e,
                                "%s says where; a local file system with extended attributes can "
                                "do it, another overlay cannot",
                                t->is_review ? "XDG_STATE_HOME" : "TMPDIR");
        }
        if (newmount_set(mount, "", entry->flags & ~(unsigned)TREE_RECURSIVE, e) < 0 ||
            overlay_open_work(top, e) < 0)
                return -e->code;
        return fd_take(&mount);
}

int overlay_mount_over(const struct tree *t, const struct tree_entry *entry, struct err *e)
{
        int step = e->step;

        e->step = STEP_OVERLAY;
        int mount = mount_over(t, entry, e);
        if (mount >= 0)
                e->step = step;
        return mount;
}
