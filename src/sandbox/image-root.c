#include "image-root.h"

#include "fd.h"
#include "image-hold.h"
#include "io.h"
#include "made.h"
#include "mem.h"
#include "newmount.h"
#include "overlay.h"
#include "resolve.h"
#include "step.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_layer(struct overlay_layers *layers, const char *path, struct err *e)
{
        int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                return err_sys(e, "cannot open the layer '%s'", path);
        layers->fds[layers->n++] = fd;
        return 0;
}

/* An overlay has its uppermost layer first. */
static int open_layers(const struct plan *p, const struct id_maps *maps,
                       struct overlay_layers *layers, struct arena *a, struct err *e)
{
        const struct plan_image *image = &p->image;

        if (image->directory)
                return open_layer(layers, image->directory, e);
        for (size_t i = image->n_layers; i > 0; i--) {
                char *path = arena_print(a, e, "%s/%s/%s", image->store, image_hold_directory(maps),
                                         image->layers[i - 1]);

                if (!path || open_layer(layers, path, e) < 0)
                        return -e->code;
        }
        return 0;
}

/* A new upper layer; of one that is kept, the root looks like that of the layers below. */
static int make_upper(int top, bool is_kept, int lower, struct err *e)
{
        mode_t mode = 0755;
        struct stat st;

        if (mkdirat(top, OVERLAY_WORK, 0755) < 0 && !(is_kept && errno == EEXIST))
                return err_sys(e, "cannot make the work directory of the image");
        if (is_kept && fstatat(top, OVERLAY_UPPER, &st, AT_SYMLINK_NOFOLLOW) == 0)
                return 0;
        if (is_kept && fstat(lower, &st) == 0)
                mode = st.st_mode & 07777;
        if (mkdirat(top, OVERLAY_UPPER, mode) < 0)
                return err_sys(e, "cannot make the upper layer of the image");
        if (mode != 0755 && fchmodat(top, OVERLAY_UPPER, mode, 0) < 0)
                return err_sys(e, "cannot set the mode of the upper layer of the image");
        return 0;
}

static int kept_error(const struct plan *p, struct err *e)
{
        if (e->code == EINVAL && !err_get_hint(e))
                err_hint(e,
                         "the file system of '%s' may be no good for the changes of an image: "
                         "set XDG_DATA_HOME",
                         p->image.kept_dir);
        return -e->code;
}

static int mount_overlay(const struct plan *p, const struct id_maps *maps, struct arena *a, int top,
                         struct err *e)
{
        bool is_kept = p->image.kept_dir != NULL;
        struct overlay_layers layers = { .n = 0 };
        int mount = open_layers(p, maps, &layers, a, e);

        if (mount == 0)
                mount = make_upper(top, is_kept, layers.fds[0], e);
        if (mount == 0) {
                mount = overlay_mount(&layers, top, a, e);
                if (mount < 0)
                        e->step = STEP_OVERLAY;
        }
        if (is_kept && mount < 0)
                kept_error(p, e);
        for (size_t i = 0; i < layers.n; i++)
                fd_close(&layers.fds[i]);
        return mount;
}

int image_open_kept(const struct plan *p, int judged, struct err *e)
{
        struct stat st;

        if (fstat(judged, &st) < 0)
                return err_sys(e, "cannot stat '%s'", p->image.kept_dir);
        return overlay_open_judged(p->image.kept_dir, st.st_dev, st.st_ino, e);
}

static int mount_copy(const struct image_copy *copy, struct err *e)
{
        struct statvfs fs;
        struct stat st;

        if (fstat(copy->judged, &st) < 0)
                return err_sys(e, "cannot stat '%s'", copy->path);
        autofd fd = overlay_open_judged(copy->path, st.st_dev, st.st_ino, e);
        autofd mount = fd < 0 ? -1 : newmount_clone(fd, "", 0, e);
        if (mount < 0 || newmount_set(mount, "", TREE_NO_SUID | TREE_NO_DEV, e) < 0)
                return -e->code;
        if (fstatvfs(mount, &fs) < 0)
                return err_sys(e, "cannot judge the copy of the image's files");
        if (fs.f_flag & (ST_NOEXEC | ST_RDONLY)) {
                err_set(e, EACCES, "the file system of '%s' is mounted %s", copy->path,
                        fs.f_flag & ST_RDONLY ? "read-only" : "noexec");
                return err_hint(e, "put the image store elsewhere: set XDG_DATA_HOME");
        }
        return fd_take(&mount);
}

int image_mount_root(const struct plan *p, const struct image_base *base, int top, struct err *e)
{
        struct arena arena = { 0 };

        if (base->copy)
                return mount_copy(base->copy, e);
        autofd mount = mount_overlay(p, base->maps, &arena, top, e);

        arena_done(&arena);
        if (mount < 0 || (p->image.kept_dir && overlay_open_work(top, e) < 0))
                return -e->code;
        return fd_take(&mount);
}

/* Opens the parent of what is to be made; `name` gets the last component. */
static int open_parent(const struct image_root *r, const char *box_path, unsigned long how,
                       const char **name, struct err *e)
{
        const char *slash = strrchr(box_path, '/');
        struct arena arena = { 0 };
        char *parent = slash == box_path
                               ? arena_copy(&arena, "/", e)
                               : arena_copy_n(&arena, box_path, (size_t)(slash - box_path), e);
        int fd = -ENOMEM;

        if (parent)
                fd = image_make_place(r, parent, true, how, e);
        arena_done(&arena);
        *name = slash + 1;
        return fd;
}

/*
 * Things are made in the image's own upper layer alone, never in what the user shares: that is
 * another mount, but a copy of an image may lie in the same file system.
 */
static bool is_images_own(int root, int parent)
{
        struct err unused = { 0 };
        uint64_t own;
        uint64_t other;

        return newmount_get_id(root, &own, &unused) == 0 &&
               newmount_get_id(parent, &other, &unused) == 0 && own == other;
}

static int place_error(const char *box_path, int code, struct err *e)
{
        if (code == ELOOP)
                return err_set(e, code,
                               "'%s' of the image must be an ordinary directory, not a "
                               "symlink",
                               box_path);
        return err_set(e, code, "cannot open '%s' of the image: %s", box_path, err_name(code));
}

static int check_type(int fd, const char *box_path, bool is_directory, struct err *e)
{
        struct stat st;

        if (fstat(fd, &st) < 0)
                return err_sys(e, "cannot stat '%s' of the image", box_path);
        if (is_directory != S_ISDIR(st.st_mode))
                return err_set(e, is_directory ? ENOTDIR : EISDIR, "'%s' of the image is %s",
                               box_path, is_directory ? "not a directory" : "a directory");
        return 0;
}

/* Makes what is not there, and notes it. */
static int make_object(const struct image_root *r, const char *box_path, bool is_directory,
                       unsigned long how, struct err *e)
{
        const char *name;
        autofd parent = open_parent(r, box_path, how, &name, e);

        if (parent < 0)
                return -e->code;
        if (!is_images_own(r->root, parent))
                return err_set(e, ENOENT, "there is no '%s', and nothing is made in what is shared",
                               box_path);
        int made = is_directory ? mkdirat(parent, name, 0755)
                                : mknodat(parent, name, S_IFREG | 0644, 0);
        if (made < 0)
                return err_sys(e, "cannot make '%s' in the image", box_path);
        return made_note(r->kept, parent, name, is_directory, e);
}

int image_make_place(const struct image_root *r, const char *box_path, bool is_directory,
                     unsigned long how, struct err *e)
{
        int fd = resolve_in_root(r->root, box_path, O_PATH, how);

        if (fd < 0 && fd != -ENOENT)
                return place_error(box_path, -fd, e);
        if (fd == -ENOENT) {
                if (make_object(r, box_path, is_directory, how, e) < 0)
                        return -e->code;
                fd = resolve_in_root(r->root, box_path, O_PATH, how);
                if (fd < 0)
                        return place_error(box_path, -fd, e);
        }
        autofd place = fd;
        if (check_type(place, box_path, is_directory, e) < 0)
                return -e->code;
        return fd_take(&place);
}

/* Whether what the image has there is a directory, by way of its own symlinks; or -errno. */
static int has_directory_for(int root, const char *box_path, struct err *e)
{
        char parent[PATH_MAX];
        int len = (int)(strrchr(box_path, '/') - box_path);

        snprintf(parent, sizeof(parent), "%.*s", len, box_path);
        autofd fd = resolve_in_root(root, parent, O_PATH | O_DIRECTORY, 0);
        if (fd >= 0)
                return 1;
        if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
                return 0;
        return place_error(parent, -fd, e);
}

int image_write_file(const struct image_root *r, const struct tree_entry *entry, struct err *e)
{
        const char *name;
        struct stat st;

        if (entry->flags & TREE_IF_PARENT) {
                int is_there = has_directory_for(r->root, entry->box_path, e);

                if (is_there <= 0)
                        return is_there;
        }
        autofd parent = open_parent(r, entry->box_path, 0, &name, e);
        if (parent < 0)
                return -e->code;
        /* whoever shares an /etc brings what is in it */
        if (!is_images_own(r->root, parent))
                return 0;
        if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
                if (entry->flags & TREE_IF_ABSENT)
                        return 0;
                if (unlinkat(parent, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) < 0)
                        return err_sys(e, "cannot replace '%s' of the image", entry->box_path);
        }
        autofd fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                           entry->mode);
        if (fd < 0)
                return err_sys(e, "cannot create '%s' in the image", entry->box_path);
        if (io_write_all(fd, entry->source, strlen(entry->source), entry->box_path, e) < 0)
                return -e->code;
        return made_note(r->kept, parent, name, false, e);
}
