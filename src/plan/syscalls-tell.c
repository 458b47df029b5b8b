/* What is said of a plan's system calls: weakenings, --dry-run, and the answer to "why". */

#include "syscalls.h"

#include "call-names.h"
#include "str.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>

#define MAX_WORDS 400

/* The plan's table, and that of the built-in policy alone. */
struct pair {
        struct arena arena;
        struct call_table *own;
        struct call_table *builtin;
};

static void pair_done(struct pair *pair)
{
        arena_done(&pair->arena);
}

#define autopair __attribute__((cleanup(pair_done))) struct pair

static int pair_make(const struct plan *p, bool fakes_root, struct pair *pair, struct err *e)
{
        if (syscalls_table(p, true, fakes_root, &pair->arena, &pair->own, e) < 0)
                return -e->code;
        return syscalls_table(p, false, fakes_root, &pair->arena, &pair->builtin, e);
}

static const char *name_of(int nr, char buffer[16])
{
        const char *name = call_names_of(nr);

        if (name)
                return name;
        snprintf(buffer, 16, "%d", nr);
        return buffer;
}

/* --- weakenings --- */

/* The user's words that let calls through which the built-in policy refuses, each once. */
struct weaker {
        struct call_line lines[CALL_TABLE_MAX];
        size_t n;
};

static void add_weaker(struct weaker *w, const char *word, const char *origin)
{
        for (size_t i = 0; i < w->n; i++)
                if (str_eq(w->lines[i].word, word) && str_eq(w->lines[i].origin, origin))
                        return;
        if (w->n < CALL_TABLE_MAX)
                w->lines[w->n++] = (struct call_line){ CALL_ALLOW, word, origin, false };
}

static void find_weaker(const struct syscalls *s, struct weaker *w)
{
        const struct call_table *t = &s->table;

        w->n = 0;
        for (int nr = 0; nr < CALL_TABLE_MAX; nr++) {
                if (s->was_passed[nr] || !t->is_named[nr] || !call_table_is_passed(t->actions[nr]))
                        continue;
                const struct call_line *line = call_table_line(t, nr);
                /* what an option opens is said by itself */
                if (!str_eq(line->origin, SYSCALLS_BY_NESTING))
                        add_weaker(w, line->word, line->origin);
        }
        for (size_t i = 0; i < t->n_rows; i++) {
                const struct call_row *row = &t->rows[i];

                if (!row->is_deny && !s->was_passed[row->nr] && call_row_counts(t, row))
                        add_weaker(w, row->word, row->origin);
        }
}

static void add_word(char *text, size_t size, const char *word)
{
        size_t used = strlen(text);

        /* what does not fit is at least seen to go on */
        if (used + strlen(word) + 6 < size)
                snprintf(text + used, size - used, "%s%s", used > 0 ? " " : "", word);
        else if (!str_has_suffix(text, " ..."))
                snprintf(text + used, size - used, " ...");
}

void syscalls_tell_weaker(const struct plan *p,
                          void (*tell)(void *user, const char *origin, const char *words),
                          void *user)
{
        struct weaker w;

        if (!p->confine.judged)
                return;
        find_weaker(p->confine.judged, &w);
        for (size_t i = 0; i < w.n; i++) {
                const char *origin = w.lines[i].origin;
                char words[MAX_WORDS] = "";

                for (size_t j = i; origin && j < w.n; j++) {
                        if (!w.lines[j].origin || !str_eq(w.lines[j].origin, origin))
                                continue;
                        w.lines[j].origin = NULL;
                        add_word(words, sizeof(words), w.lines[j].word);
                }
                if (origin)
                        tell(user, origin, words);
        }
}

/* --- --dry-run --- */

static void put_text(FILE *out, const char *text)
{
        char safe[4096];

        fputs(str_escape(safe, sizeof(safe), text, strlen(text)), out);
}

static void put_line(FILE *out, const char *what, uint32_t action, const char *origin)
{
        fprintf(out, "      %-30s %-10s", what, call_action_name(action));
        if (origin) {
                fputs("  (", out);
                put_text(out, origin);
                fputc(')', out);
        }
        fputc('\n', out);
}

int syscalls_dump(FILE *out, const struct plan *p, bool fakes_root, struct err *e)
{
        autopair pair = { 0 };
        const struct call_table *own;

        if (p->confine.n_syscalls == 0)
                return 0;
        if (pair_make(p, fakes_root, &pair, e) < 0)
                return -e->code;
        own = pair.own;
        fprintf(out, "\nSystem calls, where the policy does not say what '%s' says:\n",
                p->confine.filter);
        if (own->fallback != pair.builtin->fallback)
                put_line(out, "what is not named", own->fallback, own->fallback_origin);
        for (int nr = 0; nr < CALL_TABLE_MAX; nr++) {
                bool is_same = own->actions[nr] == pair.builtin->actions[nr];
                char number[16];

                if (!is_same && own->is_named[nr])
                        put_line(out, name_of(nr, number), own->actions[nr],
                                 call_table_line(own, nr)->origin);
        }
        for (size_t i = 0; i < own->n_rows; i++)
                if (call_row_counts(own, &own->rows[i]))
                        put_line(out, own->rows[i].word, own->rows[i].action, own->rows[i].origin);
        return 0;
}

/* --- why --- */

static void add_row(struct syscalls_answer *answer, const char *text, const char *origin,
                    uint32_t action)
{
        if (answer->n_rows < SYSCALLS_MAX_ROWS)
                answer->rows[answer->n_rows++] = (struct syscalls_row){ text, origin, action };
}

static void add_rows(const struct plan *p, bool fakes_root, const struct call_table *t,
                     struct syscalls_answer *ret)
{
        const struct call_variant variant = { p->confine.may_nest_userns, fakes_root };
        bool is_passed = call_table_is_passed(ret->action);
        struct call_machine machine;

        for (size_t i = 0; i < t->n_rows; i++) {
                const struct call_row *row = &t->rows[i];

                if (row->nr != ret->number || !call_row_counts(t, row))
                        continue;
                add_row(ret, row->word, row->origin,
                        row->is_deny ? row->action : call_table_allowed(t, row->nr));
                is_passed = is_passed || !row->is_deny;
        }
        call_names_machine(&machine);
        for (size_t i = 0; is_passed && i < call_rules_count; i++) {
                const struct call_rule *rule = &call_rules[i];

                /* of a call that is denied they let nothing pass, but only what a row above allows */
                if (machine.rule_numbers[i] == ret->number &&
                    call_rule_counts_for(rule, &variant) &&
                    (rule->refuse || call_table_is_passed(ret->action)))
                        add_row(ret, rule->text, NULL,
                                call_rule_action(rule, call_table_allowed(t, ret->number)));
        }
}

static int find_number(const char *call, int *ret, struct err *e)
{
        struct call_word word;
        const int *numbers;
        size_t n;
        int number = -1;

        if (call_word_parse(call, &word, e) < 0)
                return -e->code;
        if (word.name[0] == '@' || word.n_conds > 0 || word.refuse)
                return err_set(e, EINVAL, "'%s' is not one system call", call);
        if (call_names_find(&number, &word, &numbers, &n, e) < 0)
                return -e->code;
        *ret = n > 0 ? numbers[0] : -1;
        return 0;
}

static int keep_text(const char **text, struct arena *arena, struct err *e)
{
        if (!*text)
                return 0;
        *text = arena_copy(arena, *text, e);
        return *text ? 0 : -e->code;
}

/* The tables go, and with them the texts that were put together for them. */
static int keep_answer(struct syscalls_answer *answer, struct arena *arena, struct err *e)
{
        if (keep_text(&answer->origin, arena, e) < 0 || keep_text(&answer->word, arena, e) < 0)
                return -e->code;
        for (size_t i = 0; i < answer->n_rows; i++)
                if (keep_text(&answer->rows[i].text, arena, e) < 0 ||
                    keep_text(&answer->rows[i].origin, arena, e) < 0)
                        return -e->code;
        return 0;
}

int syscalls_ask(const struct plan *p, bool fakes_root, const char *call, struct arena *arena,
                 struct syscalls_answer *ret, struct err *e)
{
        autopair pair = { 0 };
        int nr = -1;

        if (find_number(call, &nr, e) < 0 || pair_make(p, fakes_root, &pair, e) < 0)
                return -e->code;
        const struct call_table *t = pair.own;
        memset(ret, 0, sizeof(*ret));
        ret->number = nr;
        if (nr < 0) {
                /* what another architecture has is beyond every number that is known here */
                ret->name = arena_copy(arena, call, e);
                ret->action = t->fallback;
                ret->is_refused_by_builtin = true;
                return ret->name ? 0 : -e->code;
        }
        ret->name = call_names_of(nr);
        ret->action = t->actions[nr];
        const struct call_line *line = call_table_line(t, nr);
        ret->origin = line ? line->origin : t->fallback_origin;
        ret->word = line ? line->word : NULL;
        ret->is_never = call_is_never[nr];
        ret->is_refused_by_builtin = !call_table_is_passed(pair.builtin->actions[nr]);
        add_rows(p, fakes_root, t, ret);
        return keep_answer(ret, arena, e);
}
