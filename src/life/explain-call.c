#include "explain-call.h"

#include "call-names.h"
#include "call-rules.h"
#include "mem.h"
#include "parse.h"
#include "str.h"
#include "syscalls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A call is refused as a whole, or an exception for its arguments refuses it: one of the policy's, which
 * a later file takes away by naming the call, or a rule of kelp's own, which nothing takes away.  Which
 * it was is made out by judging the arguments once more.  Those that can be judged are those that an
 * event tells: see observe-words.c and call-word.h.
 */

#define MAX_ARGS 3

/* What an event says of the arguments; those of which it says nothing are not known. */
struct shown {
        uint32_t args[MAX_ARGS];
        unsigned known; /* bit n: argument n */
};

static void show(struct shown *s, unsigned arg, uint32_t value)
{
        s->args[arg] = value;
        s->known |= 1u << arg;
}

/* "AF_INET", or "address family 16". */
static void read_constant(const char *text, unsigned arg, const char *prefix, struct shown *s)
{
        struct err unused = { 0 };
        uint64_t number;
        uint32_t value;

        if (call_constant_find("socket", arg, text, &value, NULL))
                show(s, arg, value);
        else if (str_has_prefix(text, prefix) &&
                 parse_number(text + strlen(prefix), 0, UINT32_MAX, &number, &unused) == 0)
                show(s, arg, (uint32_t)number);
}

/* "SOCK_STREAM, protocol 0". */
static void read_socket(const struct observe_event *event, struct shown *s)
{
        static const char protocol[] = ", protocol ";
        char type[OBSERVE_MAX_DETAIL];

        snprintf(type, sizeof(type), "%s", event->detail);
        char *rest = strstr(type, protocol);
        if (!rest)
                return;
        *rest = '\0';
        read_constant(event->name, 0, "address family ", s);
        read_constant(type, 1, "type ", s);
        /* it is printed with its sign */
        show(s, 2, (uint32_t)strtol(rest + sizeof(protocol) - 1, NULL, 10));
}

/* Of `clone` only the flags for namespaces have names; with one of them it is kelp's rule that holds. */
static void read_number(const struct observe_event *event, struct shown *s)
{
        static const struct {
                const char *call;
                unsigned arg;
        } judged[] = { { "ioctl", 1 }, { "prctl", 0 }, { "personality", 0 }, { "clone", 0 } };

        for (size_t i = 0; i < sizeof(judged) / sizeof(judged[0]); i++) {
                if (str_eq(event->name, judged[i].call) && event->detail[0] == '0')
                        show(s, judged[i].arg, (uint32_t)strtoul(event->detail, NULL, 0));
        }
}

static bool holds(const struct call_cond *c, const struct shown *s)
{
        uint32_t arg;

        if (c->test == CALL_TEST_NONE)
                return true;
        if (c->arg >= MAX_ARGS || !(s->known & 1u << c->arg))
                return false;
        arg = s->args[c->arg];
        switch (c->test) {
        case CALL_TEST_EQUAL:
                return (arg & c->mask) == c->value;
        case CALL_TEST_DIFFERS:
                return (arg & c->mask) != c->value;
        case CALL_TEST_ABOVE:
                return (arg & c->mask) > c->value;
        case CALL_TEST_ANY_BIT:
                return (arg & c->value) != 0;
        case CALL_TEST_NONE:
                break;
        }
        return true;
}

static bool all_hold(const struct call_cond *conds, size_t n, const struct shown *s)
{
        for (size_t i = 0; i < n; i++) {
                if (!holds(&conds[i], s))
                        return false;
        }
        return true;
}

/* Whether kelp's own rules let the call pass where the policy does. */
static bool rules_pass(const struct plan *p, int nr, const struct shown *s)
{
        const struct call_variant variant = { .allow_userns = p->confine.may_nest_userns };
        struct call_machine machine;

        call_names_machine(&machine);
        for (size_t i = 0; i < call_rules_count; i++) {
                if (machine.rule_numbers[i] == nr &&
                    call_rule_counts_for(&call_rules[i], &variant) &&
                    all_hold(call_rules[i].conds, CALL_RULE_MAX_CONDS, s))
                        return call_rules[i].refuse == 0;
        }
        return true;
}

/* The line of the exception that decides, if that is one that denies; else NULL. */
static const char *denying_line(const struct call_table *t, int nr, const struct shown *s)
{
        for (size_t i = 0; i < t->n_rows; i++) {
                const struct call_row *row = &t->rows[i];

                if (row->nr == nr && call_row_counts(t, row) &&
                    all_hold(row->conds, row->n_conds, s))
                        return row->is_deny ? row->origin : NULL;
        }
        return NULL;
}

/* Suggests the whole call, beside what is suggested already. */
static void suggest(struct why *ret, const char *origin, const char *call)
{
        size_t used = strlen(ret->line);

        if (used > 0) {
                snprintf(ret->line + used, sizeof(ret->line) - used, " %s", call);
                return;
        }
        why_say(ret, false, NULL, "denied");
        snprintf(ret->origin_text, sizeof(ret->origin_text), "%s", origin ? origin : "");
        ret->origin = origin ? ret->origin_text : NULL;
        why_suggest_call(ret, call);
}

static void judge(const struct plan *p, const char *call, const struct shown *s, struct why *ret)
{
        struct arena arena = { 0 };
        struct syscalls_answer answer;
        struct call_table *t;
        struct err unused = { 0 };

        if (syscalls_ask(p, false, call, &arena, &answer, &unused) == 0 && !answer.is_never &&
            answer.number >= 0 && rules_pass(p, answer.number, s) &&
            syscalls_table(p, true, false, &arena, &t, &unused) == 0) {
                const char *line = denying_line(t, answer.number, s);

                if (line || !call_table_is_passed(answer.action))
                        suggest(ret, line ? line : answer.origin, call);
        }
        arena_done(&arena);
}

void explain_call(const struct plan *p, const struct observe_event *event, struct why *ret)
{
        struct shown s = { .known = 0 };

        why_say(ret, true, NULL, "no line refuses it");
        if (event->kind == OBSERVE_SOCKET) {
                read_socket(event, &s);
                /* which of them it was is not told: where a policy refuses both, both are meant */
                judge(p, "socket", &s, ret);
                judge(p, "socketpair", &s, ret);
                return;
        }
        read_number(event, &s);
        if (strstr(event->detail, "CLONE_NEWUSER") && !p->confine.may_nest_userns) {
                why_say(ret, false, NULL, "denied");
                snprintf(ret->option, sizeof(ret->option), "--allow-userns");
        } else if (!str_eq(event->name, "clone") || s.known != 0) {
                judge(p, event->name, &s, ret);
        }
}
