#include "flatten.h"

#include "beneath.h"
#include "erase.h"
#include "fd.h"
#include "flatten-inner.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

/*
 * Layer by layer, the lowest first: what a layer has takes the place of what is there, a whiteout
 * takes it away, and an opaque directory begins anew.
 *
 * In a directory everything else comes first, then what is in its subdirectories, and last its own
 * mode and times, which what is made in it changes.  Nothing stays open meanwhile: a directory is
 * found again by its path, which has no symlinks in the layer nor in the copy.
 */

struct list {
        struct arena arena;
        char **names;
        size_t n;
};

static void list_done(struct list *list)
{
        arena_done(&list->arena);
}

#define autolist __attribute__((cleanup(list_done))) struct list

static int list_add(void *context, const char *name, struct err *e)
{
        struct list *list = context;

        if (arena_grow(&list->arena, &list->names, list->n, sizeof(*list->names), LIMIT_ENTRIES,
                       "entries in a directory", e) < 0)
                return -e->code;
        list->names[list->n] = arena_copy(&list->arena, name, e);
        if (!list->names[list->n])
                return -e->code;
        list->n++;
        return 0;
}

static int push(struct flattening *f, const char *name, size_t *ret_before, struct err *e)
{
        size_t room = sizeof(f->path) - f->len;
        int n = snprintf(f->path + f->len, room, "%s%s", f->len ? "/" : "", name);

        *ret_before = f->len;
        if ((size_t)n >= room) {
                f->path[f->len] = '\0';
                return err_set(e, ENAMETOOLONG, "a path below '%.200s' is too long", f->path);
        }
        f->len += (size_t)n;
        return 0;
}

static void pop(struct flattening *f, size_t before)
{
        f->len = before;
        f->path[before] = '\0';
}

/* The directory at work, of the layer or of the copy. */
static int open_directory(const struct flattening *f, int top, struct err *e)
{
        int fd = beneath_open(top, f->len ? f->path : ".", O_RDONLY | O_DIRECTORY);

        return fd < 0 ? flatten_failed(f, "open", e) : fd;
}

/* A directory that shows through has the attributes of the uppermost layer alone. */
static int remove_attrs(const struct flattening *f, int to, struct err *e)
{
        autoattrs attrs = { 0 };

        if (attrs_read(to, f->path, &attrs, e) < 0)
                return -e->code;
        for (size_t i = 0; i < attrs.n; i++) {
                if (fremovexattr(to, attrs.items[i].name) < 0)
                        return flatten_failed(f, "remove an extended attribute of", e);
        }
        return 0;
}

/* In the place of what is there, unless that is a directory which shows through. */
static int make_directory(const struct flattening *f, int from_dir, int to_dir, const char *name,
                          struct err *e)
{
        autofd from = beneath_open(from_dir, name, O_RDONLY | O_DIRECTORY);
        autoattrs attrs = { 0 };
        struct stat st;

        if (from < 0)
                return flatten_failed(f, "open", e);
        if (attrs_read(from, f->path, &attrs, e) < 0)
                return -e->code;
        bool is_there = fstatat(to_dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
        if (is_there && (attrs.is_opaque || !S_ISDIR(st.st_mode))) {
                if (erase_tree(to_dir, name, e) < 0)
                        return -e->code;
                is_there = false;
        }
        if (!is_there && mkdirat(to_dir, name, 0700) < 0)
                return flatten_failed(f, "make", e);
        autofd to = beneath_open(to_dir, name, O_RDONLY | O_DIRECTORY);
        if (to < 0)
                return flatten_failed(f, "open", e);
        if (is_there && fchmod(to, 0700) < 0)
                return flatten_failed(f, "set the mode of", e);
        if (is_there && remove_attrs(f, to, e) < 0)
                return -e->code;
        return flatten_set_attrs(f, to, &attrs, e);
}

/* Returns 1 for a directory, whose entries come later. */
static int visit(struct flattening *f, int from, int to, const char *name, struct err *e)
{
        struct stat st;

        /* those of archives, and the directories that these took for granted */
        if (++f->entries > 2 * LIMIT_ENTRIES)
                return err_set(e, E2BIG, "the image has more than %u entries", 2 * LIMIT_ENTRIES);
        if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return flatten_failed(f, "stat", e);
        if (S_ISDIR(st.st_mode))
                return make_directory(f, from, to, name, e) < 0 ? -e->code : 1;
        if (erase_tree(to, name, e) < 0)
                return -e->code;
        if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0))
                return 0;
        return flatten_file(f, from, to, name, &st, e);
}

/* Copies all but directories, and leaves only those in the list. */
static int visit_all(struct flattening *f, struct list *list, struct err *e)
{
        autofd from = open_directory(f, f->layer, e);
        autofd to = from < 0 ? -1 : open_directory(f, f->root, e);
        size_t n_directories = 0;

        if (to < 0 || store_list(from, list_add, list, e) < 0)
                return -e->code;
        for (size_t i = 0; i < list->n; i++) {
                size_t before;

                if (push(f, list->names[i], &before, e) < 0)
                        return -e->code;
                int r = visit(f, from, to, list->names[i], e);
                if (r < 0)
                        return r;
                pop(f, before);
                if (r > 0)
                        list->names[n_directories++] = list->names[i];
        }
        list->n = n_directories;
        return 0;
}

/* The root has the mode that it has above an overlay, too. */
static int finish(const struct flattening *f, struct err *e)
{
        autofd from = open_directory(f, f->layer, e);
        autofd to = from < 0 ? -1 : open_directory(f, f->root, e);
        struct stat st;

        if (to < 0)
                return -e->code;
        if (fstat(from, &st) < 0)
                return flatten_failed(f, "stat", e);
        const struct timespec times[2] = { st.st_atim, st.st_mtim };
        if (fchmod(to, f->len ? st.st_mode & 07777 : 0755) < 0)
                return flatten_failed(f, "set the mode of", e);
        return futimens(to, times) < 0 ? flatten_failed(f, "set the time of", e) : 0;
}

static int copy_directory(struct flattening *f, unsigned depth, struct err *e)
{
        autolist list = { .n = 0 };

        if (depth > LIMIT_DEPTH)
                return err_set(e, E2BIG, "'%.200s' lies deeper than %u directories", f->path,
                               LIMIT_DEPTH);
        if (visit_all(f, &list, e) < 0)
                return -e->code;
        for (size_t i = 0; i < list.n; i++) {
                size_t before;

                if (push(f, list.names[i], &before, e) < 0 || copy_directory(f, depth + 1, e) < 0)
                        return -e->code;
                pop(f, before);
        }
        return finish(f, e);
}

static int copy_layer(struct flattening *f, int layer, struct err *e)
{
        f->layer = layer;
        int r = copy_directory(f, 0, e);
        links_done(&f->links);
        return r;
}

int flatten_child(const struct worker *w, struct worker_report *ret, struct err *e)
{
        const struct flatten_job *job = w->job;
        const struct flatten_request *request = job->request;
        autofree struct flattening *f = mem_alloc(sizeof(*f), e);

        (void)ret;
        if (!f)
                return -e->code;
        f->root = job->root;
        if (request->directory)
                return copy_layer(f, w->input, e);
        for (size_t i = 0; i < request->n_layers; i++) {
                autofd layer = beneath_open(w->layers, request->layers[i], O_RDONLY | O_DIRECTORY);

                if (layer < 0)
                        return err_sys(e, "cannot open the layer '%s'", request->layers[i]);
                if (copy_layer(f, layer, e) < 0)
                        return -e->code;
        }
        return 0;
}
