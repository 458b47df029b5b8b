#include "diff-inner.h"

#include "beneath.h"
#include "fd.h"
#include "mem.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define WHITEOUT ".wh."

static int open_beneath(int parent, const char *name, int flags, const char *path, struct err *e)
{
        int fd = beneath_open(parent, name, flags | O_NOCTTY);

        return fd < 0 ? err_sys(e, "cannot open '%.200s'", path) : fd;
}

static struct diff_level *top(struct diff *d)
{
        return &d->levels[d->n_levels - 1];
}

/* ------ directories that are there for what is in them ------ */

/* Before anything in them has an entry, the directories on the way have theirs. */
static int write_parents(struct diff *d, struct err *e)
{
        char saved;

        for (size_t i = 0; i < d->n_levels; i++) {
                struct diff_level *level = &d->levels[i];

                if (level->is_written)
                        continue;
                saved = d->path[level->path_len];
                d->path[level->path_len] = '\0';
                int r = diff_write_directory(d, level, e);
                d->path[level->path_len] = saved;
                if (r < 0)
                        return r;
                level->is_written = true;
        }
        return 0;
}

/* Whether the directory looks as the layers below show it; `below` is open on theirs. */
static int is_same(const struct diff *d, const struct diff_level *level, int below, bool *ret,
                   struct err *e)
{
        autoattrs attrs = { 0 };
        struct stat st;

        *ret = false;
        if (below < 0)
                return 0;
        if (fstat(below, &st) < 0)
                return err_sys(e, "cannot stat '%.200s' of the image", d->path);
        if (attrs_read(below, d->path, &attrs, e) < 0)
                return -e->code;
        *ret = (st.st_mode & 07777) == (level->st.st_mode & 07777) &&
               st.st_uid == level->st.st_uid && st.st_gid == level->st.st_gid &&
               attrs_are_same(&attrs, &level->attrs);
        return 0;
}

/* Fills the level: what is below it, and whether it has to have an entry for its own sake. */
static int judge_level(struct diff *d, struct diff_level *level, const struct lower_view *parent,
                       bool *ret_is_change, struct err *e)
{
        struct lower_view view = { 0 };
        autofd below = -1;
        bool same;

        if (fstat(level->fd, &level->st) < 0)
                return err_sys(e, "cannot stat '%.200s'", d->path);
        if (attrs_read(level->fd, d->path, &level->attrs, e) < 0 ||
            lower_look(&d->spec->lower, parent, d->path, &view, &below, e) < 0)
                return -e->code;
        d->count->attrs += level->attrs.n_left_out;
        int r = is_same(d, level, below, &same, e);
        level->hides = level->attrs.is_opaque && below >= 0;
        if (level->attrs.is_opaque)
                lower_view_done(&view);
        level->view = view;
        *ret_is_change = level->hides || !(same || made_has(d->spec->made, d->path, &level->st));
        return r;
}

static void leave(struct diff *d)
{
        struct diff_level *level = top(d);

        attrs_done(&level->attrs);
        lower_view_done(&level->view);
        fd_close(&level->fd);
        d->n_levels--;
}

/* ------ names ------ */

struct names {
        struct arena arena;
        const char **items;
        size_t n;
};

static void names_done(struct names *names)
{
        arena_done(&names->arena);
}

static int compare(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int list_names(const struct diff *d, int fd, struct names *ret, struct err *e)
{
        int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        autodir *dir = fd_take_dir(&copy);

        if (!dir)
                return err_sys(e, "cannot list '%.200s'", d->path);
        for (;;) {
                errno = 0;
                const struct dirent *entry = readdir(dir);

                if (!entry && errno)
                        return err_sys(e, "cannot list '%.200s'", d->path);
                if (!entry)
                        break;
                if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
                        continue;
                if (arena_grow(&ret->arena, &ret->items, ret->n, sizeof(*ret->items), LIMIT_ENTRIES,
                               "files", e) < 0)
                        return -e->code;
                ret->items[ret->n] = arena_copy(&ret->arena, entry->d_name, e);
                if (!ret->items[ret->n++])
                        return -e->code;
        }
        if (ret->n > 1)
                qsort(ret->items, ret->n, sizeof(*ret->items), compare);
        return 0;
}

/* Appends a component to d->path; the caller cuts it off again. */
static int push_name(struct diff *d, const char *name, struct err *e)
{
        size_t len = strlen(name);
        bool needs_slash = d->path_len > 0;

        if (d->path_len + needs_slash + len > LIMIT_PATH)
                return err_set(e, ENAMETOOLONG, "the name of a file in '%.200s...' is too long",
                               d->path);
        if (needs_slash)
                d->path[d->path_len++] = '/';
        memcpy(d->path + d->path_len, name, len + 1);
        d->path_len += len;
        if (!str_has_prefix(name, WHITEOUT))
                return 0;
        err_set(e, EINVAL, "'%.200s' cannot be in a layer: its name would hide another file",
                d->path);
        return err_hint(e, "remove it, or give it another name");
}

/* ------ the walk ------ */

static int walk(struct diff *d, struct err *e);

static int enter(struct diff *d, int parent, const char *name, struct err *e)
{
        const struct lower_view *above = &top(d)->view;
        struct diff_level *level = &d->levels[d->n_levels];
        bool is_change = false;

        if (d->n_levels > LIMIT_DEPTH)
                return err_set(e, E2BIG, "'%.200s' lies deeper than %u directories", d->path,
                               LIMIT_DEPTH);
        *level = (struct diff_level){ .path_len = d->path_len };
        level->fd = open_beneath(parent, name, O_RDONLY | O_DIRECTORY, d->path, e);
        if (level->fd < 0)
                return -e->code;
        d->n_levels++;
        int r = judge_level(d, level, above, &is_change, e);
        if (r == 0 && is_change)
                r = write_parents(d, e);
        if (r == 0)
                r = walk(d, e);
        leave(d);
        return r;
}

static int write_regular(struct diff *d, int parent, const char *name, struct err *e)
{
        autofd fd = open_beneath(parent, name, O_RDONLY | O_NONBLOCK, d->path, e);
        struct stat st;

        if (fd < 0)
                return -e->code;
        if (fstat(fd, &st) < 0)
                return err_sys(e, "cannot stat '%.200s'", d->path);
        if (!S_ISREG(st.st_mode))
                return err_set(e, EAGAIN, "'%.200s' is changing while it is read", d->path);
        if (made_has(d->spec->made, d->path, &st))
                return 0;
        return write_parents(d, e) < 0 ? -e->code : diff_write_file(d, fd, &st, e);
}

static int write_other(struct diff *d, int parent, const char *name, const struct stat *st,
                       struct err *e)
{
        bool is_whiteout = S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);

        if (S_ISSOCK(st->st_mode))
                d->count->sockets++;
        else if ((S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) && !is_whiteout)
                d->count->devices++;
        else if (write_parents(d, e) < 0)
                return -e->code;
        else if (is_whiteout)
                return diff_write_whiteout(d, st, e);
        else if (S_ISLNK(st->st_mode))
                return diff_write_symlink(d, parent, name, st, e);
        else
                return diff_write_fifo(d, st, e);
        return 0;
}

static int visit(struct diff *d, int parent, const char *name, struct err *e)
{
        struct stat st;

        if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return err_sys(e, "cannot stat '%.200s'", d->path);
        if (S_ISDIR(st.st_mode))
                return enter(d, parent, name, e);
        if (S_ISREG(st.st_mode))
                return write_regular(d, parent, name, e);
        return write_other(d, parent, name, &st, e);
}

static int walk(struct diff *d, struct err *e)
{
        __attribute__((cleanup(names_done))) struct names names = { 0 };
        int fd = top(d)->fd;

        if (list_names(d, fd, &names, e) < 0)
                return -e->code;
        for (size_t i = 0; i < names.n; i++) {
                size_t before = d->path_len;
                int r = push_name(d, names.items[i], e);

                if (r == 0)
                        r = visit(d, fd, names.items[i], e);
                d->path_len = before;
                d->path[before] = '\0';
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The root has an entry only for its own sake: there is always one. */
static int walk_root(struct diff *d, struct err *e)
{
        struct diff_level *root = &d->levels[0];
        struct lower_view all = { 0 };
        bool is_change = false;

        *root = (struct diff_level){ .fd = fcntl(d->spec->upper, F_DUPFD_CLOEXEC, 3) };
        if (root->fd < 0)
                return err_sys(e, "cannot use the upper layer");
        d->n_levels = 1;
        int r = lower_view_root(&d->spec->lower, &all, e);
        if (r == 0)
                r = judge_level(d, root, &all, &is_change, e);
        lower_view_done(&all);
        root->is_written = !is_change;
        if (r == 0)
                r = write_parents(d, e);
        if (r == 0)
                r = walk(d, e);
        leave(d);
        return r;
}

int diff_write(const struct diff_spec *spec, struct diff_count *ret, struct err *e)
{
        autofree struct diff *d = mem_alloc(sizeof(*d), e);

        if (!d)
                return -e->code;
        *ret = (struct diff_count){ 0 };
        d->spec = spec;
        d->count = ret;
        d->entry = archive_entry_new();
        int r = d->entry ? walk_root(d, e) : err_set(e, ENOMEM, "out of memory");
        archive_entry_free(d->entry);
        links_done(&d->links);
        return r;
}
