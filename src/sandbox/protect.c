#include "protect.h"

#include "fd.h"
#include "git-dir.h"
#include "path.h"
#include "place.h"
#include "resolve.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <unistd.h>

/* A writable directory of the sandbox, by its entry in the list. */
struct area {
        int fd;
        const char *host_path;
        const char *box_path;
};

static bool has_pin(const struct tree *t, const char *box_path)
{
        const struct tree_entry *entry = place_find(t, box_path);

        return entry &&
               (entry->kind == TREE_PIN || entry->kind == TREE_EMPTY || entry->kind == TREE_BIND);
}

static int pin(struct tree *t, const char *box_path, unsigned flags, const char *origin,
               struct err *e)
{
        struct tree_entry *entry;

        if (has_pin(t, box_path))
                return 0;
        entry = tree_add(t, TREE_PIN, box_path, origin, e);
        if (!entry)
                return -e->code;
        entry->flags = flags | TREE_NO_SUID | TREE_NO_DEV | TREE_RECURSIVE;
        return 0;
}

static int watch(struct tree *t, const char *host_path, struct err *e)
{
        if (arena_grow(&t->arena, &t->watched, t->n_watched, sizeof(*t->watched), TREE_MAX_ENTRIES,
                       "protected names", e) < 0)
                return -e->code;
        t->watched[t->n_watched++] = host_path;
        return 0;
}

/* Covers the symlink `name` of `dir` itself: with its target where that can be shown, else empty. */
static int cover_link(struct tree *t, const struct area *area, const char *rest,
                      const char *box_path, const char *origin, struct err *e)
{
        autofd target = resolve_in_root(area->fd, rest, O_PATH, RESOLVE_NO_XDEV);
        struct tree_entry *entry;
        char name[PATH_MAX];
        struct stat st;
        bool is_shown = target >= 0 && fstat(target, &st) == 0 && S_ISREG(st.st_mode) &&
                        resolve_name_of(target, name, sizeof(name)) &&
                        path_is_in(name, area->host_path);

        if (has_pin(t, box_path))
                return 0;
        entry = tree_add(t, is_shown ? TREE_BIND : TREE_EMPTY, box_path, origin, e);
        if (!entry)
                return -e->code;
        entry->flags = TREE_NO_FOLLOW | TREE_READ_ONLY | TREE_NO_SUID | TREE_NO_DEV;
        if (!is_shown)
                return 0;
        entry->source = arena_copy(&t->arena, name, e);
        entry->dev = st.st_dev;
        entry->ino = st.st_ino;
        entry->fd = fd_take(&target);
        return entry->source ? 0 : -e->code;
}

static int add_watch(struct tree *t, const struct area *area, const char *name, struct err *e)
{
        const char *path = path_join(&t->arena, area->host_path, name, e);

        return path ? watch(t, path, e) : -e->code;
}

/*
 * Walks `name` component by component below the area.  `len` is how much of it has been looked at;
 * what lies on the way is pinned, the last component is made read-only.
 */
static int protect_name(struct tree *t, const struct area *area, const char *name,
                        const char *origin, struct err *e)
{
        size_t len = 0;

        for (;;) {
                len += strcspn(name + len, "/");
                char *part = arena_copy_n(&t->arena, name, len, e);
                char *box_path = part ? path_join(&t->arena, area->box_path, part, e) : NULL;
                bool is_last = name[len] == '\0';
                struct stat st;

                if (!box_path)
                        return -e->code;
                autofd fd =
                        resolve_in_root(area->fd, part, O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS);
                if (fd == -ENOENT || fd == -ENOTDIR) {
                        fd = -1;
                        return add_watch(t, area, name, e);
                }
                /* with O_PATH and O_NOFOLLOW a symlink at the end is ELOOP only by the flag */
                if (fd == -ELOOP) {
                        fd = -1;
                        return cover_link(t, area, part, box_path, origin, e);
                }
                if (fd < 0 || fstat(fd, &st) < 0) {
                        int code = fd < 0 ? -fd : errno;

                        fd = -1;
                        return err_set(e, code, "cannot protect '%s': %s", box_path,
                                       err_name(code));
                }
                if (S_ISLNK(st.st_mode))
                        return cover_link(t, area, part, box_path, origin, e);
                if (is_last)
                        return pin(t, box_path, TREE_READ_ONLY, origin, e);
                if (!S_ISDIR(st.st_mode))
                        return pin(t, box_path, TREE_READ_ONLY, origin, e);
                if (pin(t, box_path, 0, origin, e) < 0)
                        return -e->code;
                len++;
        }
}

static int protect_area(const struct plan *p, struct tree *t, const struct area *area,
                        struct err *e)
{
        for (size_t i = 0; i < p->files.n_rules; i++) {
                const struct plan_rule *rule = &p->files.rules[i];

                if (rule->kind != PLAN_RULE_PROTECTED || rule->box_path[0] == '/')
                        continue;
                if (protect_name(t, area, rule->box_path, rule->origin, e) < 0)
                        return -e->code;
        }

        struct git_names names = { 0 };
        if (git_find_names(&t->arena, area->fd, &names, e) < 0)
                return -e->code;
        for (size_t i = 0; i < names.n; i++) {
                if (protect_name(t, area, names.items[i], "git", e) < 0)
                        return -e->code;
        }
        return 0;
}

/* An absolute protected path counts where it is seen; one that is not there cannot be changed. */
static int protect_absolute(const struct plan *p, struct tree *t, struct err *e)
{
        for (size_t i = 0; i < p->files.n_rules; i++) {
                const struct plan_rule *rule = &p->files.rules[i];

                if (rule->kind != PLAN_RULE_PROTECTED || rule->box_path[0] != '/')
                        continue;
                if (pin(t, rule->box_path, TREE_READ_ONLY | TREE_IF_EXISTS, rule->origin, e) < 0)
                        return -e->code;
        }
        return 0;
}

int protect_add(const struct plan *p, struct tree *t, struct err *e)
{
        size_t n = t->n_entries;

        for (size_t i = 0; i < n; i++) {
                const struct tree_entry *entry = &t->entries[i];
                struct area area = { .fd = entry->fd,
                                     .host_path = entry->source,
                                     .box_path = entry->box_path };

                if (entry->kind != TREE_BIND || entry->fd < 0 || (entry->flags & TREE_READ_ONLY) ||
                    !(entry->flags & TREE_IS_DIRECTORY))
                        continue;
                if (protect_area(p, t, &area, e) < 0)
                        return -e->code;
        }
        return protect_absolute(p, t, e);
}
