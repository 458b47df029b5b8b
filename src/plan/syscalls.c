#include "syscalls.h"

#include "call-names.h"
#include "lines.h"
#include "policy.h"
#include "str.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BUILTIN 32
#define NESTING     "@nesting"

struct reader {
        struct call_table *table;
        const struct plan *plan;
        struct call_words words;
        int number;                    /* of a word that is one */
        const char *done[MAX_BUILTIN]; /* built-in policies that were applied */
        size_t n_done;
        struct lines text;
        struct plan_problems *problems; /* NULL: the first one is the error */
};

static void reader_start(struct reader *r, const struct plan *p, struct call_table *t)
{
        memset(r, 0, sizeof(*r));
        r->table = t;
        r->plan = p;
        r->words = (struct call_words){ call_names_find, &r->number, call_answers };
}

static int complain(struct reader *r, struct err *e)
{
        if (!r->problems)
                return -e->code;
        plan_add_problem(r->problems, e);
        *e = (struct err){ 0 };
        return 0;
}

/* --- built-in policies: their texts are in the program, and right --- */

struct line_list {
        struct call_line *items;
        size_t n;
};

static bool mode_of(const char *key, enum call_mode *ret)
{
        static const char *const keys[CALL_N_MODES] = {
                [CALL_DEFAULT] = "default", [CALL_ALLOW] = "allow", [CALL_DENY] = "deny",
                [CALL_LOG] = "log",         [CALL_FAKE] = "fake",
        };

        for (size_t i = 0; i < CALL_N_MODES; i++) {
                if (str_eq(keys[i], key)) {
                        *ret = (enum call_mode)i;
                        return true;
                }
        }
        return false;
}

static int add_words(struct reader *r, struct line_list *list, enum call_mode mode, char *value,
                     struct err *e)
{
        struct arena *arena = r->table->arena;
        const char *origin = arena_print(arena, e, "%s:%zu", r->text.name, r->text.number);
        char *at = origin ? arena_copy(arena, value, e) : NULL;
        char *word;
        int more;

        if (!at)
                return -e->code;
        while ((more = lines_next_word(&at, &word, e)) > 0) {
                if (arena_grow(arena, &list->items, list->n, sizeof(*list->items),
                               PLAN_MAX_SYSCALLS, "words in [syscalls]", e) < 0)
                        return -e->code;
                list->items[list->n++] = (struct call_line){ mode, word, origin, false };
        }
        return more;
}

/* The words of `section` whose key is that of a mode, or `extends`, which comes as CALL_DEFAULT. */
static int read_builtin(struct reader *r, const char *name, const char *section,
                        struct line_list *list, struct err *e)
{
        const char *file = arena_print(r->table->arena, e, "%s.policy", name);
        bool is_inside = false;
        int more;

        if (!file || lines_start(&r->text, policy_builtin(name), file, e) < 0)
                return -e->code;
        while ((more = lines_next(&r->text, e)) > 0) {
                char *line = str_trim(r->text.line);
                char *value = strchr(line, '=');
                enum call_mode mode = CALL_DEFAULT;

                if (line[0] == '[')
                        is_inside = str_eq(line, section);
                if (!is_inside || !value || line[0] == '[')
                        continue;
                *value++ = '\0';
                line = str_trim(line);
                if ((mode_of(line, &mode) || str_eq(line, "extends")) &&
                    add_words(r, list, mode, value, e) < 0)
                        return -e->code;
        }
        return more;
}

/* Applies the lines of one file, mode by mode; each that is wrong is a problem of its own. */
static int apply_lines(struct reader *r, const struct call_line *lines, size_t n, struct err *e)
{
        if (call_table_next_layer(r->table, e) < 0)
                return -e->code;
        for (enum call_mode mode = CALL_DEFAULT; mode < CALL_N_MODES; mode++) {
                for (size_t i = 0; i < n; i++) {
                        if (lines[i].mode == mode &&
                            call_table_apply(r->table, &r->words, &lines[i], e) < 0 &&
                            complain(r, e) < 0)
                                return -e->code;
                }
        }
        return 0;
}

static bool is_done(const struct reader *r, const char *name)
{
        for (size_t i = 0; i < r->n_done; i++)
                if (str_eq(r->done[i], name))
                        return true;
        return false;
}

/* What a built-in policy extends comes before it, and no text twice. */
static int apply_builtin(struct reader *r, const char *name, struct err *e)
{
        struct line_list above = { 0 };
        struct line_list own = { 0 };

        if (is_done(r, name))
                return 0;
        if (r->n_done == MAX_BUILTIN || !policy_builtin(name))
                return err_set(e, EINVAL, "there is no built-in policy '%s'", name);
        r->done[r->n_done++] = name;
        if (read_builtin(r, name, "[policy]", &above, e) < 0)
                return -e->code;
        for (size_t i = 0; i < above.n; i++)
                if (apply_builtin(r, above.items[i].word, e) < 0)
                        return -e->code;
        if (read_builtin(r, name, "[syscalls]", &own, e) < 0)
                return -e->code;
        return apply_lines(r, own.items, own.n, e);
}

/* --- the user's own words --- */

static bool is_nesting(int number)
{
        const int *numbers = NULL;
        size_t n = 0;

        if (!call_names_group(NESTING, &numbers, &n))
                return false;
        for (size_t i = 0; i < n; i++)
                if (numbers[i] == number)
                        return true;
        return false;
}

static int refuse_never(const struct reader *r, const struct plan_syscall *s, int number,
                        struct err *e)
{
        bool may_nest = r->plan->confine.may_nest_userns;

        if (!call_is_never[number] || (may_nest && is_nesting(number)))
                return 0;
        const char *name = call_names_of(number);
        err_set(e, EPERM, "%s: '%s' cannot be allowed: '%s' could undo what confines", s->origin,
                s->word, name ? name : s->word);
        if (is_nesting(number))
                return err_hint(e, "--allow-userns is for sandboxes inside this one");
        return -e->code;
}

/* Whether what the word says of arguments makes the rule's condition hold: 1, 0, or -1: it depends. */
static int is_implied(const struct call_word *word, const struct call_cond *rule)
{
        for (size_t i = 0; i < word->n_conds; i++) {
                const struct call_cond *given = &word->conds[i];
                uint32_t value = given->value;

                if (given->arg != rule->arg)
                        continue;
                if (given->test == CALL_TEST_ANY_BIT && rule->test == CALL_TEST_ANY_BIT &&
                    (value & ~rule->value) == 0)
                        return 1;
                if (given->test != CALL_TEST_EQUAL)
                        continue;
                if (rule->test == CALL_TEST_ANY_BIT && (value & rule->value) != 0)
                        return 1;
                if ((rule->mask & ~given->mask) != 0)
                        continue;
                switch (rule->test) {
                case CALL_TEST_EQUAL:
                        return (value & rule->mask) == rule->value;
                case CALL_TEST_DIFFERS:
                        return (value & rule->mask) != rule->value;
                case CALL_TEST_ABOVE:
                        return (value & rule->mask) > rule->value;
                case CALL_TEST_NONE:
                case CALL_TEST_ANY_BIT:
                        break;
                }
        }
        return rule->test == CALL_TEST_NONE ? 1 : -1;
}

/* kelp's own rule that refuses whatever the word allows, or NULL. */
static const struct call_rule *refusing_rule(const struct plan *p, const struct call_word *word)
{
        const struct call_variant variant = { .allow_userns = p->confine.may_nest_userns };

        for (size_t i = 0; i < call_rules_count; i++) {
                const struct call_rule *rule = &call_rules[i];
                int holds = 1;

                if (!str_eq(rule->call, word->name) || !call_rule_counts_for(rule, &variant))
                        continue;
                for (size_t c = 0; c < CALL_RULE_MAX_CONDS; c++) {
                        int one = is_implied(word, &rule->conds[c]);

                        if (one == 0 || (one < 0 && holds > 0))
                                holds = one;
                        if (holds == 0)
                                break;
                }
                if (holds > 0)
                        return rule->refuse ? rule : NULL;
                if (holds < 0)
                        return NULL;
        }
        return NULL;
}

/* Who may allow what: a word that opens too much, or nothing at all, is a mistake to be told. */
static int judge_allow(struct reader *r, const struct plan_syscall *s, struct err *e)
{
        struct call_word word;
        const int *numbers = NULL;
        size_t n = 0;

        if (call_word_parse(s->word, &word, e) < 0 ||
            call_names_find(&r->number, &word, &numbers, &n, e) < 0)
                return err_prefix(e, "%s", s->origin);
        for (size_t i = 0; i < n; i++)
                if (refuse_never(r, s, numbers[i], e) < 0)
                        return -e->code;
        const struct call_rule *rule = word.n_conds > 0 ? refusing_rule(r->plan, &word) : NULL;
        if (rule)
                return err_set(e, EPERM, "%s: '%s' stays refused whatever a policy says: %s",
                               s->origin, s->word, rule->text);
        return 0;
}

static enum call_mode mode_of_kind(enum plan_syscall_kind kind)
{
        static const enum call_mode modes[] = {
                [PLAN_SYSCALL_DEFAULT] = CALL_DEFAULT,
                [PLAN_SYSCALL_ALLOW] = CALL_ALLOW,
                [PLAN_SYSCALL_DENY] = CALL_DENY,
                [PLAN_SYSCALL_LOG] = CALL_LOG,
        };

        return modes[kind];
}

static int apply_own_layer(struct reader *r, const struct plan_syscall *items, size_t n,
                           struct err *e)
{
        struct line_list list = { 0 };

        for (size_t i = 0; i < n; i++) {
                struct call_line line = { mode_of_kind(items[i].kind), items[i].word,
                                          items[i].origin, items[i].only_tightens };

                if (items[i].kind == PLAN_SYSCALL_ALLOW && judge_allow(r, &items[i], e) < 0) {
                        if (complain(r, e) < 0)
                                return -e->code;
                        continue;
                }
                if (arena_grow(r->table->arena, &list.items, list.n, sizeof(*list.items),
                               PLAN_MAX_SYSCALLS, "words in [syscalls]", e) < 0)
                        return -e->code;
                list.items[list.n++] = line;
        }
        return apply_lines(r, list.items, list.n, e);
}

static int apply_own(struct reader *r, struct err *e)
{
        const struct plan_confine *confine = &r->plan->confine;

        for (size_t from = 0, to; from < confine->n_syscalls; from = to) {
                to = from;
                while (to < confine->n_syscalls &&
                       confine->syscalls[to].layer == confine->syscalls[from].layer)
                        to++;
                if (apply_own_layer(r, &confine->syscalls[from], to - from, e) < 0)
                        return -e->code;
        }
        return 0;
}

/* With `with_own` the whole of it, else what the built-in policy would say by itself. */
static int fill(const struct plan *p, bool with_own, struct plan_problems *problems,
                struct syscalls *s, struct err *e)
{
        struct reader r;

        reader_start(&r, p, &s->table);
        if (apply_builtin(&r, p->confine.filter, e) < 0)
                return -e->code;
        for (int nr = 0; nr < CALL_TABLE_MAX; nr++)
                s->was_passed[nr] =
                        s->table.is_named[nr] && call_table_is_passed(s->table.actions[nr]);
        r.problems = problems;
        if (with_own && apply_own(&r, e) < 0)
                return -e->code;
        if (p->confine.may_nest_userns)
                return call_table_allow(&s->table, &r.words, NESTING, SYSCALLS_BY_NESTING, e);
        return 0;
}

static struct syscalls *make(const struct plan *p, bool with_own, struct plan_problems *problems,
                             struct arena *arena, struct err *e)
{
        struct syscalls *s = arena_alloc(arena, sizeof(*s), e);

        if (!s)
                return NULL;
        s->table.arena = arena;
        return fill(p, with_own, problems, s, e) < 0 ? NULL : s;
}

static void finish(struct call_table *t, bool fakes_root)
{
        if (fakes_root)
                call_table_fake(t);
        call_table_finish(t);
}

int syscalls_table(const struct plan *p, bool with_own, bool fakes_root, struct arena *arena,
                   struct call_table **ret, struct err *e)
{
        struct syscalls *s = make(p, with_own, NULL, arena, e);

        if (!s)
                return -e->code;
        finish(&s->table, fakes_root);
        *ret = &s->table;
        return 0;
}

static int compile(const struct call_table *t, const struct plan *p, bool fakes_root,
                   struct call_program **ret, struct err *e)
{
        const struct call_variant variant = { p->confine.may_nest_userns, fakes_root };
        struct call_machine machine;

        call_names_machine(&machine);
        if (call_program_build(ret, t, &variant, &machine, e) < 0)
                return err_prefix(e, "[syscalls] of policy '%s'", p->policy_name);
        return 0;
}

int syscalls_compile(const struct plan *p, bool fakes_root, struct call_program **ret,
                     struct err *e)
{
        __attribute__((cleanup(arena_done))) struct arena arena = { 0 };
        struct call_table *t = NULL;

        if (!p->confine.judged) {
                if (syscalls_table(p, true, fakes_root, &arena, &t, e) < 0)
                        return -e->code;
        } else {
                t = arena_alloc(&arena, sizeof(*t), e);
                if (!t)
                        return -e->code;
                *t = p->confine.judged->table;
                finish(t, fakes_root);
        }
        return compile(t, p, fakes_root, ret, e);
}

/*
 * Between the filter and the command stands kelp itself: it waits for a word, says that it has come,
 * and executes.  A policy without these calls starts nothing, whatever it is for.
 */
static void check_start(const struct call_table *t, struct plan_problems *problems)
{
        static const char *const needed[] = { "execve", "read", "write" };

        for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
                struct call_word word = { .number = -1 };
                const int *numbers = NULL;
                struct err e = { 0 };
                size_t n = 0;
                int unused;

                memcpy(word.name, needed[i], strlen(needed[i]) + 1);
                if (call_names_find(&unused, &word, &numbers, &n, &e) < 0 || n == 0 ||
                    (t->is_named[numbers[0]] && call_table_is_passed(t->actions[numbers[0]])))
                        continue;
                const struct call_line *line = call_table_line(t, numbers[0]);
                err_set(&e, EINVAL, "%s: without '%s' no command can be started",
                        line ? line->origin : "[syscalls]", needed[i]);
                plan_add_problem(problems, &e);
        }
}

void syscalls_judge(struct plan *p, struct plan_problems *problems)
{
        struct err e = { 0 };

        if (p->confine.n_syscalls == 0 || !p->confine.filter)
                return;
        p->confine.judged = make(p, true, problems, &p->arena, &e);
        if (p->confine.judged)
                check_start(&p->confine.judged->table, problems);
        else
                plan_add_problem(problems, &e);
}
