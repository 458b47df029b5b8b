#include "rules.h"

#include "fd.h"
#include "find.h"
#include "glob.h"
#include "path.h"
#include "str.h"

#include <errno.h>
#include <string.h>

/*
 * Patterns become rules, one for each path that matches now.
 *
 * What is readable is looked for where the pattern starts.  What is hidden is looked for in every
 * directory that is shared, wherever that is shown, and, of an absolute pattern in a view of this
 * host, where the pattern starts, unless nothing of that is seen anyway.
 */

struct search {
        const struct plan *plan;
        struct rules *rules;
        struct tree *tree;
        const struct plan_pattern *pattern;
        struct find find;
        size_t n_matches;
        bool has_looked;
};

static bool is_share(const struct rule *rule)
{
        return !rule->is_dropped && !rule->is_link && !rule->asked->cache &&
               S_ISDIR(rule->source.st.st_mode) &&
               (rule->asked->kind == PLAN_RULE_READABLE || rule->asked->kind == PLAN_RULE_WRITABLE);
}

/*
 * "**" and one name find a path wherever it is moved in the share that it lies in.  Of other patterns
 * the directories above it have to stay as they are; see protect.c.
 */
static bool is_anywhere(const struct search *s, const char *path)
{
        const char *text = s->pattern->text;
        size_t len = text[0] == '/' ? glob_base_len(text) : 0;
        const char *rest = text + len + (text[0] == '/');
        const char *base = arena_copy_n(s->find.arena, text, len, &(struct err){ 0 });
        const struct rule *share = NULL;

        if (!base || strncmp(rest, "**/", 3) != 0 || strchr(rest + 3, '/'))
                return false;
        for (size_t i = 0; i < s->rules->n; i++) {
                const struct rule *rule = &s->rules->items[i];

                if (is_share(rule) && path_is_in(path, rule->box_path) &&
                    (!share || strlen(rule->box_path) > strlen(share->box_path)))
                        share = rule;
        }
        return share && path_is_in(share->box_path, base);
}

static int add_rule(struct search *s, const char *path, bool anywhere, struct err *e)
{
        struct plan_rule *asked = arena_alloc(s->rules->arena, sizeof(*asked), e);
        const char *copy = arena_copy(s->rules->arena, path, e);

        if (!asked || !copy)
                return -e->code;
        *asked = (struct plan_rule){
                .kind = s->pattern->kind,
                .host_path = s->pattern->kind == PLAN_RULE_READABLE ? copy : NULL,
                .box_path = copy,
                .if_exists = true,
                .is_anywhere = anywhere,
                .origin = s->pattern->origin,
        };
        return rules_add(s->plan, s->rules, asked, 2 * s->pattern->n_before, e);
}

/* A later rule for the same place has the last word, and one pattern may find what another did. */
static bool is_settled(const struct search *s, const char *box_path)
{
        for (size_t i = 0; i < s->rules->n; i++) {
                const struct rule *rule = &s->rules->items[i];

                if (!rule->is_dropped && str_eq(rule->box_path, box_path) &&
                    (rule->order > 2 * s->pattern->n_before ||
                     rule->asked->kind == PLAN_RULE_HIDDEN))
                        return true;
        }
        return false;
}

/* Where a symlink leads is what is read through it. */
static int hide(struct search *s, const char *path, struct err *e)
{
        struct source at = { .fd = -1 };

        if (resolve_source(s->find.arena, path, &at, e) < 0) {
                bool is_nothing = e->code == ENOENT || e->code == ENOTDIR || e->code == EACCES ||
                                  e->code == ELOOP;

                if (!is_nothing)
                        return err_prefix(e, "%s", s->pattern->origin);
                *e = (struct err){ .step = e->step };
                return 0;
        }
        fd_close(&at.fd);
        s->n_matches++;
        if (s->plan->root == PLAN_ROOT_HOST && !is_settled(s, at.path) &&
            add_rule(s, at.path, str_eq(at.path, path) && is_anywhere(s, path), e) < 0)
                return -e->code;
        const char *real = arena_copy(s->rules->arena, at.path, e);
        return real ? rules_hide_elsewhere(s->plan, s->rules, real, s->pattern->origin, e)
                    : -e->code;
}

static int show(struct search *s, const char *path, struct err *e)
{
        s->n_matches++;
        return is_settled(s, path) ? 0 : add_rule(s, path, false, e);
}

static int look_through(struct search *s, int fd, const char *path, struct err *e)
{
        struct find_matches found;

        s->has_looked = true;
        if (find_paths(&s->find, fd, path, s->pattern->text, &found, e) < 0)
                return err_prefix(e, "%s", s->pattern->origin);
        for (size_t i = 0; i < found.n; i++) {
                const char *match = path_join(s->find.arena, path, found.paths[i], e);

                if (!match)
                        return -e->code;
                int r = s->pattern->kind == PLAN_RULE_HIDDEN ? hide(s, match, e)
                                                             : show(s, match, e);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Whether what is at `path` of the host is not seen there, but for what is shared by itself. */
static bool is_replaced(const struct search *s, const char *path)
{
        if (s->plan->root != PLAN_ROOT_HOST)
                return true;
        for (size_t i = 0; i < s->rules->n; i++) {
                const struct rule *rule = &s->rules->items[i];

                if (!rule->is_dropped && path_is_in(path, rule->box_path) &&
                    (rule->asked->kind == PLAN_RULE_EMPTY ||
                     rule->asked->kind == PLAN_RULE_TEMPORARY ||
                     rule->asked->kind == PLAN_RULE_HIDDEN))
                        return true;
        }
        return false;
}

/* From where an absolute pattern starts. */
static int look_from_base(struct search *s, struct err *e)
{
        const char *text = s->pattern->text;
        const char *base = arena_copy_n(s->find.arena, text, glob_base_len(text), e);
        struct source at = { .fd = -1 };

        if (!base)
                return -e->code;
        if (s->pattern->kind == PLAN_RULE_HIDDEN && is_replaced(s, base))
                return 0;
        if (resolve_source(s->find.arena, base, &at, e) < 0) {
                if (e->code == ENOENT || e->code == ENOTDIR || e->code == EACCES) {
                        s->has_looked = true;
                        *e = (struct err){ .step = e->step };
                        return 0;
                }
                return err_prefix(e, "%s", s->pattern->origin);
        }
        int r = look_through(s, at.fd, at.path, e);
        fd_close(&at.fd);
        return r;
}

/* A rule that has become the link to another one shows nothing by itself. */
/* The list grows meanwhile, by what is hidden. */
static int look_through_shares(struct search *s, struct err *e)
{
        for (size_t i = 0; i < s->rules->n; i++) {
                const struct rule share = s->rules->items[i];

                if (is_share(&share) && look_through(s, share.source.fd, share.source.path, e) < 0)
                        return -e->code;
        }
        return 0;
}

static int check_found(const struct search *s, struct err *e)
{
        const struct plan_pattern *pattern = s->pattern;

        if (s->n_matches > 0 || pattern->if_exists || !s->has_looked)
                return 0;
        err_set(e, ENOENT, "%s: nothing matches '%s'", pattern->origin, pattern->text);
        return err_hint(e, "check it; with a '-' in front it may match nothing");
}

static int add_pattern(struct search *s, struct err *e)
{
        const struct plan_pattern *pattern = s->pattern;

        if (pattern->text[0] == '/' && look_from_base(s, e) < 0)
                return -e->code;
        if (pattern->kind == PLAN_RULE_HIDDEN && look_through_shares(s, e) < 0)
                return -e->code;
        if (check_found(s, e) < 0)
                return -e->code;
        return tree_note_pattern(s->tree, pattern->text, pattern->origin, s->n_matches, e);
}

int rules_add_patterns(const struct plan *p, struct rules *r, struct tree *t, struct err *e)
{
        struct arena scratch = { 0 };
        struct search s = { .plan = p, .rules = r, .tree = t, .find = { .arena = &scratch } };
        int code = 0;

        for (size_t i = 0; i < p->files.n_patterns && code == 0; i++) {
                s.pattern = &p->files.patterns[i];
                s.n_matches = 0;
                s.has_looked = false;
                if (s.pattern->kind != PLAN_RULE_PROTECTED)
                        code = add_pattern(&s, e);
        }
        arena_done(&scratch);
        return code;
}
