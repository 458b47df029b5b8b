#include "root.h"

#include "fd.h"
#include "find.h"
#include "host-root.h"
#include "kernel-fs.h"
#include "names.h"
#include "overlay.h"
#include "path.h"
#include "place.h"
#include "protect.h"
#include "rules.h"
#include "special.h"
#include "str.h"
#include "walk.h"

#include <errno.h>
#include <string.h>

/*
 * The order of the list: the base of the root, the kernel's file systems, the rules from the top
 * down, what is protected inside them, what is covered because it would lead out, the small
 * files that name users and hosts, and last /sys with what is hidden in it.
 */

static int add_image_root(struct tree *t, struct err *e)
{
        struct tree_entry *entry = tree_add(t, TREE_OVERLAY, "/", "image", e);

        if (!entry)
                return -e->code;
        entry->flags = TREE_NO_SUID | TREE_NO_DEV | TREE_IS_DIRECTORY;
        return 0;
}

static int add_link(struct tree *t, const struct rule *rule, struct err *e)
{
        struct tree_entry *entry;

        if (!rule->link_path || place_find(t, rule->link_path) ||
            !place_is_ours(t, rule->link_path))
                return 0;
        if (place_make_parents(t, rule->link_path, rule->asked->origin, e) < 0)
                return -e->code;
        entry = tree_add(t, TREE_SYMLINK, rule->link_path, rule->asked->origin, e);
        if (!entry)
                return -e->code;
        entry->source = rule->box_path;
        return 0;
}

/* Only a mount point in a tmpfs of ours, or in an image's throw-away upper, can be made. */
static int check_mount_point(const struct plan *p, const struct tree *t, const struct rule *rule,
                             struct err *e)
{
        struct source at = { .fd = -1 };
        struct arena scratch = { 0 };

        if (p->root != PLAN_ROOT_HOST ||
            (rule->source.path && str_eq(rule->box_path, rule->source.path)))
                return 0;
        const struct tree_entry *owner = place_owner(t, rule->box_path);
        if (owner->kind != TREE_BIND)
                return 0;
        /* what is to be mounted on lies in the source, wherever that is shown */
        const char *rest = rule->box_path + strlen(owner->box_path);
        const char *path = *rest ? path_join(&scratch, owner->source, rest + 1, e) : owner->source;
        int r = path ? resolve_source(&scratch, path, &at, e) : -e->code;
        fd_close(&at.fd);
        arena_done(&scratch);
        if (r == 0)
                return 0;
        err_set(e, ENOENT, "%s: there is no '%s' to mount on, and nothing is created in '%s'",
                rule->asked->origin, rule->box_path, owner->box_path);
        return err_hint(e, "choose a path below /mnt, /run or /tmp, or one that exists");
}

static unsigned rule_flags(const struct rule *rule)
{
        unsigned flags = TREE_NO_SUID;

        if (S_ISDIR(rule->source.st.st_mode))
                flags |= TREE_IS_DIRECTORY | TREE_RECURSIVE;
        if (rule->asked->kind == PLAN_RULE_DEVICE || rule->asked->kind == PLAN_RULE_SOCKET)
                flags |= TREE_IS_SPECIAL | TREE_NO_EXEC;
        if (rule->asked->kind != PLAN_RULE_DEVICE)
                flags |= TREE_NO_DEV;
        if (rule->asked->kind == PLAN_RULE_READABLE)
                flags |= TREE_READ_ONLY;
        if (rule->asked->cache)
                flags |= TREE_IS_CACHE;
        if (rule->asked->is_scratch)
                flags |= TREE_SCRATCH;
        return flags;
}

/* NULL with `e` set on failure. */
static struct tree_entry *add_mount(const struct plan *p, struct tree *t, const struct rule *rule,
                                    enum tree_kind kind, unsigned flags, struct err *e)
{
        if (check_mount_point(p, t, rule, e) < 0 ||
            place_make_parents(t, rule->box_path, rule->asked->origin, e) < 0)
                return NULL;
        if (place_is_ours(t, rule->box_path))
                flags |= TREE_IN_OWN_TMPFS;
        struct tree_entry *entry = tree_add(t, kind, rule->box_path, rule->asked->origin, e);
        if (entry)
                entry->flags = flags;
        return entry;
}

static int add_bind(const struct plan *p, struct tree *t, struct rule *rule, struct err *e)
{
        struct tree_entry *entry = add_mount(p, t, rule, TREE_BIND, rule_flags(rule), e);

        if (!entry)
                return -e->code;
        entry->source = rule->source.path;
        entry->dev = rule->source.st.st_dev;
        entry->ino = rule->source.st.st_ino;
        entry->fd = fd_take(&rule->source.fd);
        return add_link(t, rule, e);
}

static int add_tmpfs(const struct plan *p, struct tree *t, const struct rule *rule, bool is_cover,
                     struct err *e)
{
        unsigned flags = TREE_NO_SUID | TREE_NO_DEV | TREE_IS_DIRECTORY;
        struct tree_entry *entry =
                add_mount(p, t, rule, TREE_TMPFS, flags | (is_cover ? TREE_READ_ONLY : 0), e);

        if (!entry)
                return -e->code;
        entry->mode = is_cover ? 0755 : rule->asked->mode ? rule->asked->mode : 01777;
        entry->size = rule->asked->size ? rule->asked->size : p->limits.tmp_size;
        return 0;
}

static int add_hidden(const struct plan *p, struct tree *t, const struct rules *rules,
                      const struct rule *rule, struct err *e)
{
        const struct tree_entry *made = place_find(t, rule->box_path);
        struct tree_entry *entry;

        /* what was granted inside needs a way to it */
        if (rules_has_inside(rules, rule->box_path))
                return add_tmpfs(p, t, rule, true, e);
        /* in a tmpfs of ours there is only what the rules put there */
        if (!made && place_is_ours(t, rule->box_path))
                return 0;
        if (made && made->kind == TREE_EMPTY)
                return 0;
        entry = tree_add(t, TREE_EMPTY, rule->box_path, rule->asked->origin, e);
        if (!entry)
                return -e->code;
        entry->flags = rule->asked->if_exists || p->root == PLAN_ROOT_HOST ? TREE_IF_EXISTS : 0;
        if (rule->asked->is_anywhere)
                entry->flags |= TREE_ANYWHERE;
        return 0;
}

static int add_rule(const struct plan *p, struct tree *t, const struct rules *rules,
                    struct rule *rule, struct err *e)
{
        if (rule->is_link)
                return add_link(t, rule, e);
        switch (rule->asked->kind) {
        case PLAN_RULE_READABLE:
        case PLAN_RULE_WRITABLE:
        case PLAN_RULE_DEVICE:
        case PLAN_RULE_SOCKET:
                return add_bind(p, t, rule, e);
        case PLAN_RULE_TEMPORARY:
                return add_tmpfs(p, t, rule, false, e);
        case PLAN_RULE_HIDDEN:
                return add_hidden(p, t, rules, rule, e);
        case PLAN_RULE_EMPTY:
        case PLAN_RULE_PROTECTED:
                return 0;
        }
        return 0;
}

/* What is to be hidden in /sys has to wait for it. */
static bool is_late(const struct rule *rule)
{
        return rule->asked->kind == PLAN_RULE_HIDDEN && path_is_in(rule->box_path, "/sys");
}

static int add_rules(const struct plan *p, struct tree *t, struct rules *rules, bool are_late,
                     struct err *e)
{
        for (size_t i = 0; i < rules->n; i++) {
                struct rule *rule = &rules->items[i];

                if (is_late(rule) == are_late && add_rule(p, t, rules, rule, e) < 0)
                        return -e->code;
        }
        return 0;
}

/* What the user shared is looked at once, for both. */
static int add_found(const struct plan *p, struct tree *t, struct err *e)
{
        struct walk_found found = { 0 };
        int r = walk_shares(p, t, &found, e);

        if (r == 0)
                r = protect_add(p, &found, t, e);
        if (r == 0)
                r = special_add(t, &found, e);
        walk_found_done(&found);
        return r;
}

static int build(const struct plan *p, bool fakes_root, struct tree *t, struct rules *rules,
                 struct err *e)
{
        int r = p->root == PLAN_ROOT_HOST ? host_root_add(p, t, e) : add_image_root(t, e);

        if (r < 0 || kernel_fs_add(p, t, e) < 0)
                return -e->code;
        if (add_rules(p, t, rules, false, e) < 0)
                return -e->code;
        if (p->root == PLAN_ROOT_HOST && host_root_add_home(p, t, e) < 0)
                return -e->code;
        /* before what is protected, which makes mounts of files and of parts */
        if (overlay_plan(p, t, e) < 0)
                return -e->code;
        if (add_found(p, t, e) < 0)
                return -e->code;
        if (names_add(p, fakes_root, t, e) < 0 || kernel_fs_add_sys(p, t, e) < 0)
                return -e->code;
        return add_rules(p, t, rules, true, e);
}

/*
 * Each share is held open until it is mounted.  Only the launcher gets the room: the stage, and with it
 * the payload, was started before.  Where there is no more to be had, opening a share says so.
 */
static void make_room_for_fds(const struct plan *p)
{
        const size_t others = 200;
        size_t want = p->files.n_rules + others;

        if (p->files.n_patterns > 0)
                want += FIND_MAX_MATCHES;
        if (p->files.n_rules >= others || p->files.n_patterns > 0)
                fd_make_room(want);
}

int tree_build(const struct plan *p, bool fakes_root, struct tree *t, struct err *e)
{
        struct rules rules = { 0 };

        make_room_for_fds(p);
        if (rules_resolve(p, t, &rules, e) < 0)
                return -e->code;
        int r = build(p, fakes_root, t, &rules, e);
        rules_done(&rules);
        return r;
}
