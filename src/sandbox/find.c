#include "find.h"

#include "fd.h"
#include "glob.h"
#include "path.h"
#include "resolve.h"
#include "str.h"
#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct way {
        struct find *find;
        struct glob glob;
        const char *base;
        const char *pattern;
        struct find_matches *matches;
        char rest[PATH_MAX]; /* below the base, without a slash in front */
};

static int find_in(struct way *w, int *fd, size_t len, uint64_t states, int depth, struct err *e);

static int too_much(const struct way *w, const char *what, unsigned limit, struct err *e)
{
        err_set(e, E2BIG, "pattern '%s' in '%s': more than %u %s", w->pattern, w->base, limit,
                what);
        return err_hint(e, "write the start of the pattern out, or show less");
}

static int add_match(struct way *w, struct err *e)
{
        struct find_matches *m = w->matches;

        if (m->n == FIND_MAX_MATCHES)
                return too_much(w, "matches", FIND_MAX_MATCHES, e);
        if (arena_grow(w->find->arena, &m->paths, m->n, sizeof(*m->paths), FIND_MAX_MATCHES,
                       "matches", e) < 0)
                return -e->code;
        m->paths[m->n] = arena_copy(w->find->arena, w->rest, e);
        return m->paths[m->n++] ? 0 : -e->code;
}

/* Some file systems leave the type to stat(2); DT_UNKNOWN may be a directory. */
static int enter(struct way *w, int parent, const char *name, size_t len, uint64_t states,
                 int depth, struct err *e)
{
        autofd child = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (child < 0) {
                if (walk_is_out_of_reach(errno))
                        return 0;
                return err_sys(e, "cannot look into '%s/%s'", w->base, w->rest);
        }
        if (resolve_is_kernels(child))
                return 0;
        if (depth == FIND_MAX_DEPTH)
                return too_much(w, "directories in each other", FIND_MAX_DEPTH, e);
        return find_in(w, &child, len, states, depth + 1, e);
}

static int look_at(struct way *w, int parent, const struct dirent *entry, size_t len,
                   uint64_t states, int depth, struct err *e)
{
        size_t name_len = strlen(entry->d_name);
        bool is_match = false;

        if (++w->find->looked > FIND_MAX_LOOKED)
                return too_much(w, "files and directories to look at", FIND_MAX_LOOKED, e);
        states = glob_step(&w->glob, states, entry->d_name, &is_match);
        bool is_way = states != 0 && (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN);
        if (!is_match && !is_way)
                return 0;
        if (len + name_len + 2 > sizeof(w->rest))
                return err_set(e, ENAMETOOLONG, "a path below '%s' is too long", w->base);
        if (len > 0)
                w->rest[len++] = '/';
        memcpy(w->rest + len, entry->d_name, name_len + 1);
        return is_match ? add_match(w, e)
                        : enter(w, parent, entry->d_name, len + name_len, states, depth, e);
}

/* Takes *fd. */
static int find_in(struct way *w, int *fd, size_t len, uint64_t states, int depth, struct err *e)
{
        autodir *dir = fd_take_dir(fd);
        struct dirent *entry;

        if (!dir)
                return err_sys(e, "cannot list '%s/%s'", w->base, w->rest);
        while (errno = 0, (entry = readdir(dir))) {
                if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
                        continue;
                if (look_at(w, dirfd(dir), entry, len, states, depth, e) < 0)
                        return -e->code;
        }
        return errno ? err_sys(e, "cannot list '%s/%s'", w->base, w->rest) : 0;
}

static int compare(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sets the pattern off at `rest`, a path below the base: "" for itself. */
static int find_below(struct way *w, int fd, const char *rest, uint64_t states, struct err *e)
{
        autofd top =
                openat(fd, rest[0] ? rest : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        size_t len = strlen(rest);

        if (top < 0) {
                if (walk_is_out_of_reach(errno))
                        return 0;
                return err_sys(e, "cannot look into '%s/%s'", w->base, rest);
        }
        memcpy(w->rest, rest, len + 1);
        return find_in(w, &top, len, states, 0, e);
}

/* The states behind the components of `rest`; 0 when nothing can match there, or all of it does. */
static uint64_t step_through(struct way *w, const char *rest, struct err *e)
{
        char *at = arena_copy(w->find->arena, rest, e);
        uint64_t states = glob_start(&w->glob);

        if (!at)
                return 0;
        for (char *name; (name = str_next_field(&at, '/')) != NULL;) {
                bool is_match;

                if (name[0] != '\0')
                        states = glob_step(&w->glob, states, name, &is_match);
        }
        return states;
}

/* The directory that an absolute pattern starts from, as the kernel names it; NULL: it is not there. */
static int find_base(struct find *f, const char *pattern, const char **ret, struct err *e)
{
        const char *base = arena_copy_n(f->arena, pattern, glob_base_len(pattern), e);
        struct source at = { .fd = -1 };

        *ret = NULL;
        if (!base)
                return -e->code;
        if (resolve_source(f->arena, base, &at, e) < 0) {
                if (!walk_is_out_of_reach(e->code))
                        return -e->code;
                *e = (struct err){ .step = e->step };
                return 0;
        }
        *ret = at.path;
        fd_close(&at.fd);
        return 0;
}

static int find_all(struct way *w, int fd, const char *path, const char *pattern, struct err *e)
{
        const char *base = path;
        const char *rest = pattern;

        if (pattern[0] == '/') {
                if (find_base(w->find, pattern, &base, e) < 0)
                        return -e->code;
                rest += glob_base_len(pattern);
        }
        if (glob_parse(w->find->arena, rest, &w->glob, e) < 0)
                return -e->code;
        if (base && path_is_in(base, path)) {
                base += strlen(path);
                return find_below(w, fd, base + strspn(base, "/"), glob_start(&w->glob), e);
        }
        if (!base || !path_is_in(path, base))
                return 0;
        uint64_t states = step_through(w, path + strlen(base), e);
        if (e->code != 0)
                return -e->code;
        return states ? find_below(w, fd, "", states, e) : 0;
}

int find_paths(struct find *f, int fd, const char *path, const char *pattern,
               struct find_matches *ret, struct err *e)
{
        struct find_matches found = { 0 };
        struct way w;

        w.find = f;
        w.base = path;
        w.pattern = pattern;
        w.matches = &found;
        w.rest[0] = '\0';
        if (find_all(&w, fd, path, pattern, e) < 0)
                return -e->code;
        /* as the directory lists them is no order */
        if (found.n > 1)
                qsort(found.paths, found.n, sizeof(*found.paths), compare);
        *ret = found;
        return 0;
}
