#include "image-root.h"

#include "fd.h"
#include "io.h"
#include "mem.h"
#include "newmount.h"
#include "path.h"
#include "resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define UPPER "upper"
#define WORK  "work"

/* The lowest layers come last in the list of an overlay. */
static int list_layers(const struct plan *p, struct arena *a, struct newmount_option *options,
                       size_t *n, struct err *e)
{
        const struct plan_image *image = &p->image;

        if (image->directory) {
                options[(*n)++] = (struct newmount_option){ "lowerdir+", image->directory };
                return 0;
        }
        for (size_t i = image->n_layers; i > 0; i--) {
                char *path = path_join(a, image->layers_dir, image->layers[i - 1], e);

                if (!path)
                        return -e->code;
                options[(*n)++] = (struct newmount_option){ "lowerdir+", path };
        }
        return 0;
}

/*
 * Kernels before 6.5 take all layers in one string, which has no room for many long names: each is
 * opened and named by its descriptor.
 */
static int join_layers(const struct newmount_option *layers, size_t n, int *fds, char *text,
                       size_t size, struct err *e)
{
        size_t used = 0;

        for (size_t i = 0; i < n; i++) {
                fds[i] = open(layers[i].value, O_PATH | O_DIRECTORY | O_CLOEXEC);
                if (fds[i] < 0)
                        return err_sys(e, "cannot open the layer '%s'", layers[i].value);
                int len = snprintf(text + used, size - used, "%s/proc/self/fd/%d", i ? ":" : "",
                                   fds[i]);
                if (len < 0 || (size_t)len >= size - used)
                        return err_set(e, E2BIG, "this kernel cannot overlay %zu layers", n);
                used += (size_t)len;
        }
        return 0;
}

static int mount_old_way(const struct newmount_option *options, size_t n, struct err *e)
{
        struct newmount_option few[4] = { { "lowerdir", NULL } };
        int fds[PLAN_MAX_LAYERS];
        char text[256]; /* what fsconfig(2) takes for one string */
        size_t n_layers = n - 3;
        int mount = -1;

        memset(fds, -1, sizeof(fds));
        if (join_layers(options, n_layers, fds, text, sizeof(text), e) == 0) {
                few[0].value = text;
                memcpy(&few[1], &options[n_layers], 3 * sizeof(few[1]));
                mount = newmount_fs("overlay", few, 4, TREE_NO_SUID | TREE_NO_DEV, e);
        }
        for (size_t i = 0; i < n_layers; i++)
                fd_close(&fds[i]);
        return mount < 0 ? -e->code : mount;
}

static int mount_overlay(const struct plan *p, struct arena *a, int stage, struct err *e)
{
        size_t room = p->image.n_layers + 4;
        struct newmount_option *options = arena_alloc(a, room * sizeof(*options), e);
        char *upper = options ? arena_print(a, e, "/proc/self/fd/%d/" UPPER, stage) : NULL;
        char *work = upper ? arena_print(a, e, "/proc/self/fd/%d/" WORK, stage) : NULL;
        size_t n = 0;

        if (!work || list_layers(p, a, options, &n, e) < 0)
                return -e->code;
        options[n++] = (struct newmount_option){ "upperdir", upper };
        options[n++] = (struct newmount_option){ "workdir", work };
        options[n++] = (struct newmount_option){ "userxattr", NULL };
        int mount = newmount_fs("overlay", options, n, TREE_NO_SUID | TREE_NO_DEV, e);
        if (mount < 0 && e->code == EINVAL)
                return mount_old_way(options, n, e);
        return mount < 0 ? -e->code : mount;
}

int image_mount_root(const struct plan *p, int stage, struct err *e)
{
        struct arena arena = { 0 };

        if (mkdirat(stage, UPPER, 0755) < 0 || mkdirat(stage, WORK, 0755) < 0)
                return err_sys(e, "cannot make the upper layer of the image");
        int mount = mount_overlay(p, &arena, stage, e);
        arena_done(&arena);
        return mount;
}

/* Opens the parent of what is to be made; `name` gets the last component. */
static int open_parent(int root, const char *box_path, unsigned long how, const char **name,
                       struct err *e)
{
        const char *slash = strrchr(box_path, '/');
        struct arena arena = { 0 };
        char *parent = slash == box_path
                               ? arena_copy(&arena, "/", e)
                               : arena_copy_n(&arena, box_path, (size_t)(slash - box_path), e);
        int fd = -ENOMEM;

        if (parent)
                fd = image_make_place(root, parent, true, how, e);
        arena_done(&arena);
        *name = slash + 1;
        return fd;
}

static int place_error(const char *box_path, int code, struct err *e)
{
        if (code == ELOOP)
                return err_set(e, code, "'%s' of the image must be an ordinary directory, not a "
                               "symlink", box_path);
        return err_set(e, code, "cannot open '%s' of the image: %s", box_path, err_name(code));
}

static int check_type(int fd, const char *box_path, bool is_directory, struct err *e)
{
        struct stat st;

        if (fstat(fd, &st) < 0)
                return err_sys(e, "cannot stat '%s' of the image", box_path);
        if (is_directory != S_ISDIR(st.st_mode))
                return err_set(e, is_directory ? ENOTDIR : EISDIR, "'%s' of the image is %s", box_path,
                               is_directory ? "not a directory" : "a directory");
        return 0;
}

int image_make_place(int root, const char *box_path, bool is_directory, unsigned long how,
                     struct err *e)
{
        int fd = resolve_in_root(root, box_path, O_PATH, how);
        const char *name;

        if (fd < 0 && fd != -ENOENT)
                return place_error(box_path, -fd, e);
        if (fd == -ENOENT) {
                autofd parent = open_parent(root, box_path, how, &name, e);

                if (parent < 0)
                        return -e->code;
                int r = is_directory ? mkdirat(parent, name, 0755)
                                     : mknodat(parent, name, S_IFREG | 0644, 0);
                if (r < 0)
                        return err_sys(e, "cannot make '%s' in the image", box_path);
                fd = resolve_in_root(root, box_path, O_PATH, how);
                if (fd < 0)
                        return place_error(box_path, -fd, e);
        }
        autofd place = fd;
        if (check_type(place, box_path, is_directory, e) < 0)
                return -e->code;
        return fd_take(&place);
}

int image_write_file(int root, const struct tree_entry *entry, struct err *e)
{
        const char *name;
        autofd parent = open_parent(root, entry->box_path, 0, &name, e);
        struct stat st;

        if (parent < 0)
                return -e->code;
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
        return io_write_all(fd, entry->source, strlen(entry->source), entry->box_path, e);
}
