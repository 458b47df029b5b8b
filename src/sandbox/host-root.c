#include "host-root.h"

#include "fd.h"
#include "path.h"
#include "place.h"
#include "resolve.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

static const char origin[] = "host view";

/* Every sandbox has its own of these, and lost+found is no part of a view. */
static bool is_left_out(const char *name)
{
        static const char *const names[] = { "proc", "sys", "dev", "lost+found" };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                if (str_eq(name, names[i]))
                        return true;
        }
        return false;
}

static const struct plan_rule *find_cover(const struct plan *p, const char *path)
{
        for (size_t i = 0; i < p->files.n_rules; i++) {
                const struct plan_rule *rule = &p->files.rules[i];

                if ((rule->kind == PLAN_RULE_EMPTY || rule->kind == PLAN_RULE_TEMPORARY) &&
                    str_eq(rule->box_path, path))
                        return rule;
        }
        return NULL;
}

static int add_symlink(struct tree *t, int root, const char *name, const char *path, struct err *e)
{
        char target[PATH_MAX];
        ssize_t n = readlinkat(root, name, target, sizeof(target) - 1);
        struct tree_entry *entry;

        if (n < 0)
                return err_sys(e, "cannot read the symlink '%s'", path);
        target[n] = '\0';
        entry = tree_add(t, TREE_SYMLINK, path, origin, e);
        if (!entry)
                return -e->code;
        entry->source = arena_copy(&t->arena, target, e);
        return entry->source ? 0 : -e->code;
}

static int add_directory(const struct plan *p, struct tree *t, const char *path, struct err *e)
{
        const struct plan_rule *cover = find_cover(p, path);
        struct tree_entry *entry;

        if (cover && cover->kind == PLAN_RULE_TEMPORARY)
                return 0; /* its own rule makes it */
        entry = tree_add(t, cover ? TREE_DIR : TREE_BIND, path, cover ? cover->origin : origin, e);
        if (!entry)
                return -e->code;
        entry->mode = 0755;
        if (cover)
                return 0;
        entry->source = path;
        entry->flags = TREE_READ_ONLY | TREE_NO_SUID | TREE_NO_DEV | TREE_RECURSIVE |
                       TREE_IN_OWN_TMPFS | TREE_IS_DIRECTORY;
        return 0;
}

/* Some file systems leave it to stat(2). */
static unsigned char type_of(int dir, const struct dirent *entry)
{
        struct stat st;

        if (entry->d_type != DT_UNKNOWN ||
            fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return entry->d_type;
        return IFTODT(st.st_mode);
}

static int add_top_level(const struct plan *p, struct tree *t, struct err *e)
{
        autofd root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct dirent *entry;

        if (root < 0)
                return err_sys(e, "cannot open '/'");
        int copy = fcntl(root, F_DUPFD_CLOEXEC, 3);
        autodir *dir = fd_take_dir(&copy);
        if (!dir)
                return err_sys(e, "cannot list '/'");
        while (errno = 0, (entry = readdir(dir))) {
                const char *name = entry->d_name;
                unsigned char type = type_of(root, entry);

                if (str_eq(name, ".") || str_eq(name, "..") || is_left_out(name) ||
                    (type != DT_DIR && type != DT_LNK))
                        continue;
                const char *path = arena_print(&t->arena, e, "/%s", name);
                if (!path)
                        return -e->code;
                int r = type == DT_LNK ? add_symlink(t, root, name, path, e)
                                       : add_directory(p, t, path, e);
                if (r < 0)
                        return -e->code;
        }
        return errno ? err_sys(e, "cannot list '/'") : 0;
}

/* A place that is to be empty where it really is: of a symlink the bare name would hide nothing. */
static int cover_real_path(struct tree *t, const char *path, const char *from, struct err *e)
{
        struct source at = { .fd = -1 };
        struct tree_entry *entry;

        if (resolve_source(&t->arena, path, &at, e) < 0) {
                if (e->code != ENOENT && e->code != EACCES)
                        return -e->code;
                *e = (struct err){ .step = e->step };
                return 0;
        }
        fd_close(&at.fd);
        if (place_owner(t, at.path)->kind != TREE_BIND)
                return 0;
        entry = tree_add(t, TREE_TMPFS, at.path, from, e);
        if (!entry)
                return -e->code;
        entry->flags = TREE_READ_ONLY | TREE_NO_SUID | TREE_NO_DEV | TREE_IS_DIRECTORY;
        entry->mode = 0755;
        return 0;
}

static int cover_all(const struct plan *p, struct tree *t, struct err *e)
{
        for (size_t i = 0; i < p->files.n_rules; i++) {
                const struct plan_rule *rule = &p->files.rules[i];
                const struct tree_entry *made;

                if (rule->kind != PLAN_RULE_EMPTY)
                        continue;
                made = place_find(t, rule->box_path);
                if (made && made->kind == TREE_DIR)
                        continue;
                if (cover_real_path(t, rule->box_path, rule->origin, e) < 0)
                        return -e->code;
        }
        return 0;
}

int host_root_add_home(const struct plan *p, struct tree *t, struct err *e)
{
        const char *home = p->files.home;
        struct tree_entry *entry;

        if (!home || place_find(t, home) || !place_is_ours(t, home))
                return 0;
        if (place_make_parents(t, home, "home", e) < 0)
                return -e->code;
        entry = tree_add(t, TREE_DIR, home, "home", e);
        if (!entry)
                return -e->code;
        entry->mode = 0755;
        return 0;
}

int host_root_add(const struct plan *p, struct tree *t, struct err *e)
{
        struct tree_entry *root = tree_add(t, TREE_TMPFS, "/", origin, e);

        if (!root)
                return -e->code;
        root->flags = TREE_READ_ONLY | TREE_NO_SUID | TREE_NO_DEV | TREE_IS_DIRECTORY;
        root->mode = 0755;
        if (add_top_level(p, t, e) < 0)
                return -e->code;
        return cover_all(p, t, e);
}
