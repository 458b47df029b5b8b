#include "apply.h"

#include "call-names.h"
#include "call-word.h"

#include <errno.h>

/* The settings of [syscalls] in a policy of one's own: kept as words, judged all together. */

static int add(struct assembly *a, const struct setting *s, enum plan_syscall_kind kind,
               struct err *e)
{
        struct plan_confine *confine = &a->plan->confine;
        const char *word = arena_copy(&a->plan->arena, s->value, e);

        if (!word ||
            arena_grow(&a->plan->arena, &confine->syscalls, confine->n_syscalls,
                       sizeof(*confine->syscalls), PLAN_MAX_SYSCALLS, "words in [syscalls]", e) < 0)
                return -e->code;
        confine->syscalls[confine->n_syscalls++] =
                (struct plan_syscall){ .kind = kind,
                                       .word = word,
                                       .origin = s->origin,
                                       .only_tightens = s->is_project,
                                       .layer = a->layer };
        return 0;
}

/* Checked here, where the line is known: all that is wrong with a file is told at once. */
static int parse(const struct setting *s, struct call_word *ret, struct err *e)
{
        if (call_word_parse(s->value, ret, e) < 0)
                return -e->code;
        return call_names_check(ret, e);
}

int apply_syscall_default(struct assembly *a, const struct setting *s, struct err *e)
{
        int refuse;

        if (call_word_parse_default(s->value, &refuse, e) < 0)
                return -e->code;
        return add(a, s, PLAN_SYSCALL_DEFAULT, e);
}

int apply_syscall_allow(struct assembly *a, const struct setting *s, struct err *e)
{
        struct call_word word;

        if (parse(s, &word, e) < 0)
                return -e->code;
        if (word.refuse)
                return err_set(e, EINVAL, "'%s': an answer belongs to 'deny'", s->value);
        return add(a, s, PLAN_SYSCALL_ALLOW, e);
}

int apply_syscall_deny(struct assembly *a, const struct setting *s, struct err *e)
{
        struct call_word word;

        if (parse(s, &word, e) < 0)
                return -e->code;
        return add(a, s, PLAN_SYSCALL_DENY, e);
}

int apply_syscall_log(struct assembly *a, const struct setting *s, struct err *e)
{
        struct call_word word;

        if (parse(s, &word, e) < 0)
                return -e->code;
        if (word.refuse)
                return err_set(e, EINVAL, "'%s': an answer belongs to 'deny'", s->value);
        if (word.n_conds > 0)
                return err_set(e, EINVAL, "'%s': a call is logged whatever its arguments are",
                               s->value);
        return add(a, s, PLAN_SYSCALL_LOG, e);
}
