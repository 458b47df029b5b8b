#include "look.h"

#include "look-image.h"
#include "path.h"
#include "place.h"
#include "str.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define MAX_LINKS 40 /* MAXSYMLINKS of the kernel */

struct way {
        const struct plan *plan;
        const struct tree *tree;
        struct arena *arena;
        const char *rest; /* what is still to be walked */
        int n_links;
};

/* What a place shows before anything of ours covers it. */
struct content {
        int code; /* 0 or an errno */
        struct stat st;
        const char *host_path;
        const char *link;
        bool is_own;
};

static bool is_cover(const struct tree_entry *entry)
{
        return entry->kind == TREE_PIN || entry->kind == TREE_EMPTY;
}

/* The mount that has files of its own at `path`: a pin shows what is below it. */
static const struct tree_entry *find_source(const struct way *w, const char *path)
{
        const struct tree_entry *found = NULL;
        size_t best = 0;

        for (size_t i = 0; i < w->tree->n_entries; i++) {
                const struct tree_entry *entry = &w->tree->entries[i];
                size_t len = strlen(entry->box_path);

                if (entry->kind == TREE_DIR || entry->kind == TREE_SYMLINK ||
                    entry->kind == TREE_FILE || is_cover(entry))
                        continue;
                if (len >= best && path_is_in(path, entry->box_path)) {
                        found = entry;
                        best = len;
                }
        }
        return found;
}

static void set_mode(struct content *c, mode_t mode)
{
        c->code = 0;
        c->st = (struct stat){ .st_mode = mode };
}

static int read_link(const struct way *w, struct content *c, const char *host_path, struct err *e)
{
        char target[PATH_MAX];
        ssize_t n = readlink(host_path, target, sizeof(target) - 1);

        if (n <= 0) {
                c->code = n < 0 ? errno : ENOENT;
                return 0;
        }
        target[n] = '\0';
        c->link = arena_copy(w->arena, target, e);
        return c->link ? 0 : -e->code;
}

static int look_host(const struct way *w, const char *host_path, struct content *c, struct err *e)
{
        c->host_path = host_path;
        if (lstat(host_path, &c->st) < 0) {
                c->code = errno;
                return 0;
        }
        return S_ISLNK(c->st.st_mode) ? read_link(w, c, host_path, e) : 0;
}

static int look_bind(const struct way *w, const struct tree_entry *source, const char *path,
                     struct content *c, struct err *e)
{
        const char *rest = path + strlen(source->box_path);
        const char *host_path = source->source;

        if (*rest)
                host_path = path_join(w->arena, host_path, rest + (*rest == '/'), e);
        return host_path ? look_host(w, host_path, c, e) : -e->code;
}

/* What lies in the tmpfs of the root, and in those of our own, is what the list puts there. */
static void look_tmpfs(const struct way *w, const struct tree_entry *source, const char *path,
                       struct content *c)
{
        const struct tree_entry *made = place_find(w->tree, path);

        c->code = ENOENT;
        if (str_eq(source->box_path, path))
                set_mode(c, S_IFDIR | (source->mode ? source->mode : 0755));
        else if (made && made->kind == TREE_DIR)
                set_mode(c, S_IFDIR | made->mode);
        else if (made && made->kind == TREE_SYMLINK)
                set_mode(c, S_IFLNK | 0777);
        if (c->code == 0 && made && made->kind == TREE_SYMLINK)
                c->link = made->source;
}

/* "/proc/self", "/proc/17": what is there is another thing for each process. */
static bool is_of_process(const char *path)
{
        const char *name = path + strlen("/proc");

        if (*name != '/')
                return false;
        name++;
        size_t len = strcspn(name, "/");
        return strspn(name, "0123456789") == len ||
               (len == strlen("self") && strncmp(name, "self", len) == 0) ||
               (len == strlen("thread-self") && strncmp(name, "thread-self", len) == 0);
}

static int look_kernel(const struct way *w, const char *path, struct content *c, struct err *e)
{
        if (is_of_process(path)) {
                c->is_own = true;
                c->code = ENOENT;
                return 0;
        }
        return look_host(w, path, c, e);
}

static int look_overlay(const struct way *w, const char *path, struct content *c, struct err *e)
{
        char link[PATH_MAX];

        c->code = look_image(w->plan, path, &c->st, link);
        if (c->code == ENODATA)
                return err_set(e, ENODATA, "the layers of image '%s' are not unpacked",
                               w->plan->image.name);
        if (c->code != 0 || !S_ISLNK(c->st.st_mode))
                return 0;
        c->link = arena_copy(w->arena, link, e);
        return c->link ? 0 : -e->code;
}

static int look_source(const struct way *w, const struct tree_entry *source, const char *path,
                       struct content *c, struct err *e)
{
        switch (source->kind) {
        case TREE_BIND:
                return look_bind(w, source, path, c, e);
        case TREE_TMPFS:
                look_tmpfs(w, source, path, c);
                return 0;
        case TREE_OVERLAY:
                return look_overlay(w, path, c, e);
        case TREE_PROC:
        case TREE_SYSFS:
                return look_kernel(w, path, c, e);
        case TREE_DEVPTS:
        case TREE_MQUEUE:
                c->code = ENOENT;
                c->is_own = !str_eq(path, source->box_path);
                if (!c->is_own)
                        set_mode(c, S_IFDIR | (source->kind == TREE_MQUEUE ? 01777 : 0755));
                return 0;
        case TREE_DIR:
        case TREE_SYMLINK:
        case TREE_FILE:
        case TREE_PIN:
        case TREE_EMPTY:
                break;
        }
        c->code = ENOENT;
        return 0;
}

/* Whether an entry that may be left out was made: there was something to put it on. */
static int is_in_force(const struct way *w, const struct tree_entry *entry, bool *ret,
                       struct err *e)
{
        const struct tree_entry *source;
        struct content c = { 0 };

        *ret = true;
        if (!is_cover(entry) && !(entry->flags & (TREE_IF_ABSENT | TREE_IF_PARENT)))
                return 0;
        const char *path = entry->box_path;
        if (entry->flags & TREE_IF_PARENT)
                path = path_parent(w->arena, path, e);
        source = path ? find_source(w, path) : NULL;
        if (!source || look_source(w, source, path, &c, e) < 0)
                return -e->code;
        *ret = entry->flags & TREE_IF_ABSENT ? c.code != 0 : c.code == 0;
        return 0;
}

/* The mount on top at `path`, which decides what may be done there. */
static int find_entry(const struct way *w, const char *path, const struct tree_entry **ret,
                      struct err *e)
{
        size_t best = 0;

        *ret = NULL;
        for (size_t i = 0; i < w->tree->n_entries; i++) {
                const struct tree_entry *entry = &w->tree->entries[i];
                size_t len = strlen(entry->box_path);
                bool counts;

                if (entry->kind == TREE_DIR || entry->kind == TREE_SYMLINK || len < best ||
                    !path_is_in(path, entry->box_path))
                        continue;
                if (is_in_force(w, entry, &counts, e) < 0)
                        return -e->code;
                if (!counts)
                        continue;
                *ret = entry;
                best = len;
        }
        return *ret ? 0 : err_set(e, EINVAL, "there is no root");
}

/* What is empty shows only whether it lies on a directory. */
static void set_empty(const struct tree_entry *entry, const char *path, struct content *c)
{
        c->link = NULL;
        c->host_path = NULL;
        if (str_eq(entry->box_path, path))
                set_mode(c, S_ISDIR(c->st.st_mode) ? S_IFDIR : S_IFREG);
        else
                c->code = EACCES;
}

/* A small file of kelp's is mounted on one that is there, and else made in what is mounted there. */
static void set_file(const struct tree_entry *entry, struct look *ret, struct content *c)
{
        if (entry->flags & TREE_IN_OWN_TMPFS || c->code != 0 || !S_ISREG(c->st.st_mode))
                ret->entry = ret->source;
        *c = (struct content){ 0 };
        set_mode(c, S_IFREG | entry->mode);
}

/* Looks at one place; *ret_link is set for a symlink. */
static int look_at(const struct way *w, const char *path, struct look *ret, const char **ret_link,
                   struct err *e)
{
        const struct tree_entry *source = find_source(w, path);
        struct content c = { 0 };

        if (!source || find_entry(w, path, &ret->entry, e) < 0)
                return source ? -e->code : err_set(e, EINVAL, "there is no root");
        if (look_source(w, source, path, &c, e) < 0)
                return -e->code;
        ret->box_path = path;
        ret->source = source;
        if (ret->entry->kind == TREE_EMPTY)
                set_empty(ret->entry, path, &c);
        else if (ret->entry->kind == TREE_FILE && str_eq(ret->entry->box_path, path))
                set_file(ret->entry, ret, &c);
        ret->host_path = c.host_path;
        ret->code = c.code;
        ret->is_own = c.is_own;
        ret->st = c.st;
        *ret_link = c.code == 0 ? c.link : NULL;
        return 0;
}

/* Takes the next component off the rest; "" at its end. */
static const char *next_name(struct way *w, struct err *e)
{
        w->rest += strspn(w->rest, "/");
        size_t len = strcspn(w->rest, "/");
        const char *name = arena_copy_n(w->arena, w->rest, len, e);

        w->rest += len;
        return name;
}

/* Puts the target in front of the rest; *at is the directory that it counts from. */
static int follow(struct way *w, const char *link, struct look **at, struct look *root,
                  struct err *e)
{
        w->rest = arena_print(w->arena, e, "%s/%s", link, w->rest);
        if (!w->rest)
                return -e->code;
        if (link[0] == '/')
                *at = root;
        return 0;
}

/* The end of the walk at something that is not there, with what is left of the path behind it. */
static int end_walk(struct way *w, struct look *found, struct err *e)
{
        w->rest += strspn(w->rest, "/");
        if (*w->rest)
                found->box_path = path_clean(w->arena, found->box_path, w->rest, e);
        return found->box_path ? 0 : -e->code;
}

static int step(struct way *w, struct look **at, struct look *root, const char *name, struct err *e)
{
        struct look *found = arena_alloc(w->arena, sizeof(*found), e);
        const char *link = NULL;
        const char *path = found ? path_join(w->arena, (*at)->box_path, name, e) : NULL;

        if (!path || look_at(w, path, found, &link, e) < 0)
                return -e->code;
        if (link && ++w->n_links <= MAX_LINKS)
                return follow(w, link, at, root, e);
        if (link)
                found->code = ELOOP;
        found->above = *at;
        *at = found;
        return found->code == 0 ? 0 : end_walk(w, found, e);
}

static int walk(struct way *w, struct look **at, struct look *root, struct err *e)
{
        for (;;) {
                const char *name = next_name(w, e);

                if (!name)
                        return -e->code;
                if (name[0] == '\0')
                        return 0;
                if (str_eq(name, ".."))
                        *at = (*at)->above ? (*at)->above : root;
                if (str_eq(name, ".") || str_eq(name, ".."))
                        continue;
                if (!S_ISDIR((*at)->st.st_mode)) {
                        (*at)->code = ENOTDIR;
                        return 0;
                }
                if (step(w, at, root, name, e) < 0)
                        return -e->code;
                if ((*at)->code != 0)
                        return 0;
        }
}

int look_inside(const struct plan *p, const struct tree *t, struct arena *a, const char *box_path,
                struct look *ret, struct err *e)
{
        struct way w = { .plan = p, .tree = t, .arena = a, .rest = box_path };
        struct look *root = arena_alloc(a, sizeof(*root), e);
        struct look *at = root;
        const char *link;

        if (!root || look_at(&w, "/", root, &link, e) < 0 || walk(&w, &at, root, e) < 0)
                return -e->code;
        *ret = *at;
        return 0;
}
