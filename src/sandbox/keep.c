#include "keep.h"

#include "fd.h"
#include "path.h"
#include "place.h"
#include "resolve.h"
#include "str.h"
#include "watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <unistd.h>

#define MAX_DEPTH 16

static bool has_pin(const struct tree *t, const char *box_path)
{
        const struct tree_entry *entry = place_find(t, box_path);

        return entry &&
               (entry->kind == TREE_PIN || entry->kind == TREE_EMPTY || entry->kind == TREE_BIND);
}

/* A parent stands before what lies in it: else its mount would copy those that are there already. */
static struct tree_entry *add_above(struct tree *t, enum tree_kind kind, const char *box_path,
                                    const char *origin, struct err *e)
{
        size_t len = strlen(box_path);
        size_t at = 0;

        if (!tree_add(t, kind, box_path, origin, e))
                return NULL;
        while (at < t->n_entries - 1 && (!path_is_in(t->entries[at].box_path, box_path) ||
                                         t->entries[at].box_path[len] == '\0'))
                at++;
        struct tree_entry added = t->entries[t->n_entries - 1];
        memmove(&t->entries[at + 1], &t->entries[at],
                (t->n_entries - 1 - at) * sizeof(*t->entries));
        t->entries[at] = added;
        if (tree_index_again(t, e) < 0)
                return NULL;
        return &t->entries[at];
}

int keep_pin(struct keep *k, const char *box_path, unsigned flags, struct err *e)
{
        struct tree *t = k->tree;

        if (k->only_watches)
                return 0;

        for (size_t i = 0; i < t->n_entries; i++) {
                if (t->entries[i].kind == TREE_PIN && str_eq(t->entries[i].box_path, box_path)) {
                        t->entries[i].flags |= flags;
                        return 0;
                }
        }
        if (has_pin(t, box_path))
                return 0;
        const char *copy = arena_copy(&t->arena, box_path, e);
        struct tree_entry *entry = copy ? add_above(t, TREE_PIN, copy, k->origin, e) : NULL;
        if (!entry)
                return -e->code;
        entry->flags = flags | TREE_NO_SUID | TREE_NO_DEV | TREE_RECURSIVE;
        return 0;
}

int keep_watch(struct keep *k, const char *host_path, const struct stat *st, struct err *e)
{
        struct tree *t = k->tree;

        for (size_t i = 0; i < t->n_watched; i++) {
                if (str_eq(t->watched[i].host_path, host_path))
                        return 0;
        }
        const char *copy = arena_copy(&t->arena, host_path, e);
        if (!copy || arena_grow(&t->arena, &t->watched, t->n_watched, sizeof(*t->watched),
                                TREE_MAX_ENTRIES, "protected names", e) < 0)
                return -e->code;
        struct tree_watch *w = &t->watched[t->n_watched++];
        *w = (struct tree_watch){ .host_path = copy, .is_there = st != NULL };
        if (st) {
                w->dev = st->st_dev;
                w->ino = st->st_ino;
                w->changed_ns = watch_time(st);
        }
        return 0;
}

int keep_watch_inside(struct keep *k, const char *host_path, struct err *e)
{
        struct tree *t = k->tree;
        size_t n = t->n_watched;
        struct stat st;
        bool is_there = fstatat(AT_FDCWD, host_path, &st, AT_SYMLINK_NOFOLLOW) == 0;

        if (keep_watch(k, host_path, is_there ? &st : NULL, e) < 0)
                return -e->code;
        if (!is_there || t->n_watched == n)
                return 0;
        t->watched[n].with_inside = true;
        watch_inside(host_path, &t->watched[n].inside);
        return 0;
}

/* Covers the symlink itself: with its target where that is a file of the area, else empty. */
static int cover_link(struct keep *k, const struct keep_area *area, const char *part,
                      const char *box_path, struct err *e)
{
        autofd target = resolve_in_root(area->fd, part, O_PATH, RESOLVE_NO_XDEV);
        struct tree_entry *entry;
        char name[PATH_MAX];
        struct stat st;
        bool is_shown = target >= 0 && fstat(target, &st) == 0 && S_ISREG(st.st_mode) &&
                        resolve_name_of(target, name, sizeof(name)) &&
                        path_is_in(name, area->host_path);

        if (has_pin(k->tree, box_path))
                return 0;
        box_path = arena_copy(&k->tree->arena, box_path, e);
        entry = box_path ? tree_add(k->tree, is_shown ? TREE_BIND : TREE_EMPTY, box_path, k->origin,
                                    e)
                         : NULL;
        if (!entry)
                return -e->code;
        entry->flags = TREE_NO_FOLLOW | TREE_READ_ONLY | TREE_NO_SUID | TREE_NO_DEV;
        if (!is_shown)
                return 0;
        entry->source = arena_copy(&k->tree->arena, name, e);
        entry->dev = st.st_dev;
        entry->ino = st.st_ino;
        entry->fd = fd_take(&target);
        return entry->source ? 0 : -e->code;
}

int keep_host_path(struct keep *k, const char *host_path, struct err *e)
{
        for (size_t i = 0; i < k->n_areas; i++) {
                const struct keep_area *area = &k->areas[i];
                const char *rest = host_path + strlen(area->host_path);

                if (!path_is_in(host_path, area->host_path) || *rest == '\0')
                        continue;
                if (keep_name(k, area, rest + 1, e) < 0)
                        return -e->code;
        }
        return 0;
}

/* Where the link leads on the host, whose programs will follow it later; `rest` is below that. */
static int keep_target(struct keep *k, const struct keep_area *area, const char *part,
                       const char *rest, struct err *e)
{
        struct arena *a = &k->scratch;
        char text[PATH_MAX];
        char name[PATH_MAX];
        autofd target = openat(area->fd, part, O_PATH | O_CLOEXEC);

        if (target >= 0 && resolve_name_of(target, name, sizeof(name))) {
                const char *path = *rest ? path_join(a, name, rest, e) : arena_copy(a, name, e);

                return path ? keep_host_path(k, path, e) : -e->code;
        }
        /* it leads nowhere yet: whoever makes its target is told of */
        ssize_t n = readlinkat(area->fd, part, text, sizeof(text) - 1);
        if (n <= 0)
                return 0;
        text[n] = '\0';
        const char *link = path_join(a, area->host_path, part, e);
        const char *dir = link ? path_parent(a, link, e) : NULL;
        const char *path = dir ? path_clean(a, dir, text, e) : NULL;
        return path ? keep_watch(k, path, NULL, e) : -e->code;
}

static int watch_link(struct keep *k, const struct keep_area *area, const char *part, struct err *e)
{
        const char *path = path_join(&k->scratch, area->host_path, part, e);
        struct stat st;

        if (!path)
                return -e->code;
        if (fstatat(area->fd, part, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return keep_watch(k, path, NULL, e);
        return keep_watch(k, path, &st, e);
}

static int keep_link(struct keep *k, const struct keep_area *area, const char *name, size_t len,
                     const char *box_path, struct err *e)
{
        const char *rest = name[len] ? name + len + 1 : "";
        char *part = arena_copy_n(&k->scratch, name, len, e);

        if (!part)
                return -e->code;
        if (k->depth >= MAX_DEPTH)
                return err_set(e, ELOOP, "cannot protect '%s': too many symlinks", box_path);
        k->depth++;
        int r = keep_target(k, area, part, rest, e);
        k->depth--;
        if (r == 0 && k->only_watches)
                return watch_link(k, area, part, e);
        return r < 0 ? r : cover_link(k, area, part, box_path, e);
}

/* What stands at `part` of the area itself; -1 with errno when it cannot be told. */
static int look_at(const struct keep_area *area, const char *part, struct stat *ret)
{
        autofd fd = resolve_in_root(area->fd, part, O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS);

        if (fd < 0) {
                errno = -fd;
                return -1;
        }
        return fstat(fd, ret);
}

/* Names come in families: without a .vscode there is none of the five files in it. */
static bool is_known_absent(const struct keep *k, const struct keep_area *area, const char *part)
{
        if (!k->absent || k->absent_in != area || !str_eq(k->absent, part))
                return false;
        errno = ENOENT;
        return true;
}

static bool is_sample(const struct dirent *entry)
{
        return entry->d_name[0] == '.' || str_has_suffix(entry->d_name, ".sample");
}

/*
 * What is in a kept directory of hooks and the like.  A symlink leads to a file that is as good as
 * in it; and where nothing is mounted, what is there can be changed without a trace in the directory.
 */
static int keep_inside(struct keep *k, const struct keep_area *area, const char *part,
                       struct err *e)
{
        int fd = resolve_in_root(area->fd, part, O_RDONLY | O_DIRECTORY | O_NONBLOCK,
                                 RESOLVE_NO_SYMLINKS);
        autodir *dir = fd_take_dir(&fd);
        struct dirent *entry;
        struct stat st;

        /* out of reach of the payload, too, but for an owner who opens it: then it is read-only */
        if (!dir)
                return 0;
        while (errno = 0, (entry = readdir(dir))) {
                if (is_sample(entry) ||
                    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                        continue;
                const char *name = path_join(&k->scratch, part, entry->d_name, e);
                const char *path = name ? path_join(&k->scratch, area->host_path, name, e) : NULL;
                if (!path || (k->only_watches && keep_watch(k, path, &st, e) < 0))
                        return -e->code;
                /* a directory is no hook, and might be this one */
                if (S_ISLNK(st.st_mode) && fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 &&
                    S_ISREG(st.st_mode) && keep_target(k, area, name, "", e) < 0)
                        return -e->code;
        }
        return errno ? err_sys(e, "cannot list '%s/%s'", area->host_path, part) : 0;
}

/* Read-only inside, and noted: a rename on the host takes every mount from what it replaces. */
static int keep_here(struct keep *k, const struct keep_area *area, const char *part,
                     const char *box_path, const struct stat *st, struct err *e)
{
        const char *path = path_join(&k->scratch, area->host_path, part, e);

        if (!path || keep_watch(k, path, st, e) < 0)
                return -e->code;
        if (S_ISDIR(st->st_mode) && keep_inside(k, area, part, e) < 0)
                return -e->code;
        return keep_pin(k, box_path, TREE_READ_ONLY, e);
}

/* Whether something else is mounted there, so that the area's own cannot be reached. */
static bool is_covered(const struct tree *t, const struct keep_area *area, const char *part,
                       const char *box_path)
{
        const struct tree_entry *entry = place_find(t, box_path);

        if (!entry || entry->kind == TREE_PIN)
                return false;
        /* a part of the area that was asked for once more */
        return entry->kind != TREE_BIND || !path_is_in(entry->source, area->host_path) ||
               !str_has_suffix(entry->source, part) ||
               strlen(entry->source) != strlen(area->host_path) + 1 + strlen(part);
}

/* A symlink in the place of a directory that is missing would lead to where nobody looks. */
static int keep_absent(struct keep *k, const struct keep_area *area, const char *name,
                       const char *part, struct err *e)
{
        const char *path = path_join(&k->scratch, area->host_path, name, e);

        if (!path || keep_watch(k, path, NULL, e) < 0)
                return -e->code;
        if (str_eq(name, part))
                return 0;
        const char *first = path_join(&k->scratch, area->host_path, part, e);
        size_t n = k->tree->n_watched;
        if (!first || keep_watch(k, first, NULL, e) < 0)
                return -e->code;
        if (k->tree->n_watched > n)
                k->tree->watched[n].only_link = true;
        return 0;
}

/*
 * Walks `name` component by component below the area.  `len` is how much of it has been looked at;
 * what lies on the way is pinned, the last component is made read-only.
 */
int keep_name(struct keep *k, const struct keep_area *area, const char *name, struct err *e)
{
        struct arena *a = &k->scratch;
        size_t len = 0;

        for (;;) {
                len += strcspn(name + len, "/");
                char *part = arena_copy_n(a, name, len, e);
                char *box_path = part ? path_join(a, area->box_path, part, e) : NULL;
                struct stat st;

                if (!box_path)
                        return -e->code;
                if (is_known_absent(k, area, part) || look_at(area, part, &st) < 0) {
                        if (errno != ENOENT && errno != ENOTDIR)
                                return err_sys(e, "cannot protect '%s'", box_path);
                        if (len == strcspn(name, "/")) {
                                k->absent = part;
                                k->absent_in = area;
                        }
                        /* of a new repository it is enough to say that it is new */
                        if (str_eq(part, ".git"))
                                return 0;
                        return keep_absent(k, area, name, part, e);
                }
                if (S_ISLNK(st.st_mode))
                        return keep_link(k, area, name, len, box_path, e);
                if (name[len] == '\0' || !S_ISDIR(st.st_mode))
                        return keep_here(k, area, part, box_path, &st, e);
                if (is_covered(k->tree, area, part, box_path))
                        return 0;
                if (keep_pin(k, box_path, 0, e) < 0)
                        return -e->code;
                len++;
        }
}

int keep_way(struct keep *k, const struct keep_area *area, const char *name, struct err *e)
{
        struct arena *a = &k->scratch;

        for (const char *at = name; (at = strchr(at, '/')) != NULL; at++) {
                char *part = arena_copy_n(a, name, (size_t)(at - name), e);
                char *box_path = part ? path_join(a, area->box_path, part, e) : NULL;
                struct stat st;

                if (!box_path)
                        return -e->code;
                /* by its place first, as many have the same way */
                if (has_pin(k->tree, box_path))
                        continue;
                if (look_at(area, part, &st) < 0) {
                        if (errno == ENOENT || errno == ENOTDIR)
                                return 0;
                        return err_sys(e, "cannot keep '%s' in its place", box_path);
                }
                if (!S_ISDIR(st.st_mode) || is_covered(k->tree, area, part, box_path))
                        return 0;
                if (keep_pin(k, box_path, 0, e) < 0)
                        return -e->code;
        }
        return 0;
}
