#include "protect.h"

#include "fd.h"
#include "git-dir.h"
#include "io.h"
#include "path.h"
#include "place.h"
#include "resolve.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A writable directory of the sandbox. */
struct area {
        int fd;
        const char *host_path;
        const char *box_path;
};

struct protect {
        const struct plan *plan;
        struct tree *tree;
        struct area *areas;
        size_t n_areas;
        const char *origin; /* of the rule that is being carried out */
        int depth;          /* how many symlinks led here */
        const char *absent; /* the first component last found missing, and where */
        const struct area *absent_in;
};

#define MAX_DEPTH 16

static bool has_pin(const struct tree *t, const char *box_path)
{
        const struct tree_entry *entry = place_find(t, box_path);

        return entry &&
               (entry->kind == TREE_PIN || entry->kind == TREE_EMPTY || entry->kind == TREE_BIND);
}

/*
 * Makes `box_path` a mount of its own.  One that was pinned only because it is on the way to
 * something can still become read-only.
 */
static int pin(struct protect *p, const char *box_path, unsigned flags, struct err *e)
{
        struct tree *t = p->tree;

        for (size_t i = 0; i < t->n_entries; i++) {
                if (t->entries[i].kind == TREE_PIN && str_eq(t->entries[i].box_path, box_path)) {
                        t->entries[i].flags |= flags;
                        return 0;
                }
        }
        if (has_pin(t, box_path))
                return 0;
        struct tree_entry *entry = tree_add(t, TREE_PIN, box_path, p->origin, e);
        if (!entry)
                return -e->code;
        entry->flags = flags | TREE_NO_SUID | TREE_NO_DEV | TREE_RECURSIVE;
        return 0;
}

/* With `st` as it is there now; NULL: it is not there. */
static int watch(struct tree *t, const char *host_path, const struct stat *st, struct err *e)
{
        for (size_t i = 0; i < t->n_watched; i++) {
                if (str_eq(t->watched[i].host_path, host_path))
                        return 0;
        }
        if (arena_grow(&t->arena, &t->watched, t->n_watched, sizeof(*t->watched), TREE_MAX_ENTRIES,
                       "protected names", e) < 0)
                return -e->code;
        struct tree_watch *w = &t->watched[t->n_watched++];
        *w = (struct tree_watch){ .host_path = host_path, .is_there = st != NULL };
        if (st) {
                w->dev = st->st_dev;
                w->ino = st->st_ino;
                w->changed_ns = st->st_ctim.tv_sec * INT64_C(1000000000) + st->st_ctim.tv_nsec;
        }
        return 0;
}

/* Covers the symlink itself: with its target where that is a file of the area, else empty. */
static int cover_link(struct protect *p, const struct area *area, const char *part,
                      const char *box_path, struct err *e)
{
        autofd target = resolve_in_root(area->fd, part, O_PATH, RESOLVE_NO_XDEV);
        struct tree_entry *entry;
        char name[PATH_MAX];
        struct stat st;
        bool is_shown = target >= 0 && fstat(target, &st) == 0 && S_ISREG(st.st_mode) &&
                        resolve_name_of(target, name, sizeof(name)) &&
                        path_is_in(name, area->host_path);

        if (has_pin(p->tree, box_path))
                return 0;
        entry = tree_add(p->tree, is_shown ? TREE_BIND : TREE_EMPTY, box_path, p->origin, e);
        if (!entry)
                return -e->code;
        entry->flags = TREE_NO_FOLLOW | TREE_READ_ONLY | TREE_NO_SUID | TREE_NO_DEV;
        if (!is_shown)
                return 0;
        entry->source = arena_copy(&p->tree->arena, name, e);
        entry->dev = st.st_dev;
        entry->ino = st.st_ino;
        entry->fd = fd_take(&target);
        return entry->source ? 0 : -e->code;
}

static int protect_name(struct protect *p, const struct area *area, const char *name,
                        struct err *e);

/* A host path is protected in every area that shows it. */
static int protect_host_path(struct protect *p, const char *host_path, struct err *e)
{
        for (size_t i = 0; i < p->n_areas; i++) {
                const struct area *area = &p->areas[i];
                const char *rest = host_path + strlen(area->host_path);

                if (!path_is_in(host_path, area->host_path) || *rest == '\0')
                        continue;
                if (protect_name(p, area, rest + 1, e) < 0)
                        return -e->code;
        }
        return 0;
}

/* Where the link leads on the host, whose programs will follow it later; `rest` is below that. */
static int protect_target(struct protect *p, const struct area *area, const char *part,
                          const char *rest, struct err *e)
{
        struct arena *a = &p->tree->arena;
        char text[PATH_MAX];
        char name[PATH_MAX];
        autofd target = openat(area->fd, part, O_PATH | O_CLOEXEC);

        if (target >= 0 && resolve_name_of(target, name, sizeof(name))) {
                const char *path = *rest ? path_join(a, name, rest, e) : arena_copy(a, name, e);

                return path ? protect_host_path(p, path, e) : -e->code;
        }
        /* it leads nowhere yet: whoever makes its target is told of */
        ssize_t n = readlinkat(area->fd, part, text, sizeof(text) - 1);
        if (n <= 0)
                return 0;
        text[n] = '\0';
        const char *link = path_join(a, area->host_path, part, e);
        const char *dir = link ? path_parent(a, link, e) : NULL;
        const char *path = dir ? path_clean(a, dir, text, e) : NULL;
        return path ? watch(p->tree, path, NULL, e) : -e->code;
}

static int protect_link(struct protect *p, const struct area *area, const char *name, size_t len,
                        const char *box_path, struct err *e)
{
        const char *rest = name[len] ? name + len + 1 : "";
        char *part = arena_copy_n(&p->tree->arena, name, len, e);

        if (!part)
                return -e->code;
        if (p->depth >= MAX_DEPTH)
                return err_set(e, ELOOP, "cannot protect '%s': too many symlinks", box_path);
        p->depth++;
        int r = protect_target(p, area, part, rest, e);
        p->depth--;
        return r < 0 ? r : cover_link(p, area, part, box_path, e);
}

/* What stands at `part` of the area itself; -1 with errno when it cannot be told. */
static int look_at(const struct area *area, const char *part, struct stat *ret)
{
        autofd fd = resolve_in_root(area->fd, part, O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS);

        if (fd < 0) {
                errno = -fd;
                return -1;
        }
        return fstat(fd, ret);
}

/* Names come in families: without a .vscode there is none of the five files in it. */
static bool is_known_absent(const struct protect *p, const struct area *area, const char *part)
{
        if (!p->absent || p->absent_in != area || !str_eq(p->absent, part))
                return false;
        errno = ENOENT;
        return true;
}

/* Read-only inside, and noted: a rename on the host takes every mount from what it replaces. */
static int protect_here(struct protect *p, const struct area *area, const char *part,
                        const char *box_path, const struct stat *st, struct err *e)
{
        const char *path = path_join(&p->tree->arena, area->host_path, part, e);

        if (!path || watch(p->tree, path, st, e) < 0)
                return -e->code;
        return pin(p, box_path, TREE_READ_ONLY, e);
}

/*
 * Walks `name` component by component below the area.  `len` is how much of it has been looked at;
 * what lies on the way is pinned, the last component is made read-only.
 */
static int protect_name(struct protect *p, const struct area *area, const char *name, struct err *e)
{
        struct arena *a = &p->tree->arena;
        size_t len = 0;

        for (;;) {
                len += strcspn(name + len, "/");
                char *part = arena_copy_n(a, name, len, e);
                char *box_path = part ? path_join(a, area->box_path, part, e) : NULL;
                struct stat st;

                if (!box_path)
                        return -e->code;
                if (is_known_absent(p, area, part) || look_at(area, part, &st) < 0) {
                        if (errno != ENOENT && errno != ENOTDIR)
                                return err_sys(e, "cannot protect '%s'", box_path);
                        if (len == strcspn(name, "/")) {
                                p->absent = part;
                                p->absent_in = area;
                        }
                        /* of a new repository it is enough to say that it is new */
                        if (str_eq(part, ".git"))
                                return 0;
                        const char *path = path_join(a, area->host_path, name, e);
                        return path ? watch(p->tree, path, NULL, e) : -e->code;
                }
                if (S_ISLNK(st.st_mode))
                        return protect_link(p, area, name, len, box_path, e);
                if (name[len] == '\0' || !S_ISDIR(st.st_mode))
                        return protect_here(p, area, part, box_path, &st, e);
                if (pin(p, box_path, 0, e) < 0)
                        return -e->code;
                len++;
        }
}

/*
 * The path in a small file of git's, relative to the directory that the file lies in: behind
 * "gitdir: " in a .git file, alone in commondir.  NULL without an error when there is none.
 */
static const char *read_git_path(struct protect *p, const char *dir, const char *name,
                                 const char *head, struct err *e)
{
        struct arena *a = &p->tree->arena;
        const char *file = path_join(a, dir, name, e);
        char text[PATH_MAX + 16];

        if (!file)
                return NULL;
        ssize_t n = io_read_small(AT_FDCWD, file, text, sizeof(text));
        if (n <= 0 || !str_has_prefix(text, head))
                return NULL;
        text[strcspn(text, "\r\n")] = '\0';
        const char *path = path_clean(a, dir, text + strlen(head), e);
        char real[PATH_MAX];
        if (!path || !realpath(path, real))
                return NULL;
        return arena_copy(a, real, e);
}

static int protect_git_names_at(struct protect *p, const char *git_dir, struct err *e)
{
        static const char *const names[] = { "hooks", "config", "config.worktree", "commondir",
                                             "gitdir" };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                const char *path = path_join(&p->tree->arena, git_dir, names[i], e);

                if (!path || protect_host_path(p, path, e) < 0)
                        return -e->code;
        }
        return 0;
}

/* A worktree's .git is a file that names its git directory; that may name a common one in turn. */
static int protect_git_file(struct protect *p, const struct area *area, struct err *e)
{
        const char *git_dir = read_git_path(p, area->host_path, ".git", "gitdir: ", e);

        for (int i = 0; git_dir && i < 2; i++) {
                if (protect_git_names_at(p, git_dir, e) < 0)
                        return -e->code;
                git_dir = read_git_path(p, git_dir, "commondir", "", e);
        }
        return -e->code;
}

/* What git would act upon at the next command outside, and what makes a directory git's own. */
static int watch_git(struct protect *p, const struct area *area, struct err *e)
{
        static const char *const names[] = { ".git", ".git/rebase-merge", ".git/rebase-apply",
                                             ".git/sequencer", "HEAD" };
        struct stat st;

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                if (fstatat(area->fd, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
                        continue;
                const char *path = path_join(&p->tree->arena, area->host_path, names[i], e);
                if (!path || watch(p->tree, path, NULL, e) < 0)
                        return -e->code;
                if (i == 0)
                        i = 3; /* without it there is nothing in it */
        }
        return 0;
}

static int protect_area(struct protect *p, const struct area *area, struct err *e)
{
        struct git_names names = { 0 };

        for (size_t i = 0; i < p->plan->files.n_rules; i++) {
                const struct plan_rule *rule = &p->plan->files.rules[i];

                if (rule->kind != PLAN_RULE_PROTECTED || rule->box_path[0] == '/')
                        continue;
                p->origin = rule->origin;
                if (protect_name(p, area, rule->box_path, e) < 0)
                        return -e->code;
        }
        p->origin = "git";
        if (watch_git(p, area, e) < 0 || protect_git_file(p, area, e) < 0)
                return -e->code;
        if (git_find_names(&p->tree->arena, area->fd, &names, e) < 0)
                return -e->code;
        for (size_t i = 0; i < names.n; i++) {
                if (protect_name(p, area, names.items[i], e) < 0)
                        return -e->code;
        }
        return 0;
}

/* What is shared as a whole becomes read-only as a whole. */
static bool set_share_read_only(struct tree *t, const char *box_path)
{
        for (size_t i = 0; i < t->n_entries; i++) {
                if (t->entries[i].kind == TREE_BIND && str_eq(t->entries[i].box_path, box_path)) {
                        t->entries[i].flags |= TREE_READ_ONLY;
                        return true;
                }
        }
        return false;
}

/* An absolute protected path counts where it is seen; one that is not there cannot be changed. */
static int protect_absolute(struct protect *p, struct err *e)
{
        for (size_t i = 0; i < p->plan->files.n_rules; i++) {
                const struct plan_rule *rule = &p->plan->files.rules[i];

                if (rule->kind != PLAN_RULE_PROTECTED || rule->box_path[0] != '/')
                        continue;
                p->origin = rule->origin;
                if (set_share_read_only(p->tree, rule->box_path))
                        continue;
                if (pin(p, rule->box_path, TREE_READ_ONLY | TREE_IF_EXISTS, e) < 0)
                        return -e->code;
        }
        return 0;
}

static bool is_area(const struct tree_entry *entry)
{
        return entry->kind == TREE_BIND && entry->fd >= 0 && !(entry->flags & TREE_READ_ONLY) &&
               (entry->flags & TREE_IS_DIRECTORY);
}

static int find_areas(struct protect *p, struct err *e)
{
        const struct tree *t = p->tree;

        p->areas = arena_alloc(&p->tree->arena, (t->n_entries + 1) * sizeof(*p->areas), e);
        if (!p->areas)
                return -e->code;
        for (size_t i = 0; i < t->n_entries; i++) {
                const struct tree_entry *entry = &t->entries[i];

                if (is_area(entry))
                        p->areas[p->n_areas++] =
                                (struct area){ entry->fd, entry->source, entry->box_path };
        }
        return 0;
}

int protect_add(const struct plan *p, struct tree *t, struct err *e)
{
        struct protect protect = { .plan = p, .tree = t };

        if (find_areas(&protect, e) < 0)
                return -e->code;
        for (size_t i = 0; i < protect.n_areas; i++) {
                if (protect_area(&protect, &protect.areas[i], e) < 0)
                        return -e->code;
        }
        return protect_absolute(&protect, e);
}
