/*
 * Any words as the [syscalls] of a policy of one's own: problems that can be told, or a filter which
 * opens nothing that kelp keeps closed.
 *
 * The input is lines "KEY WORD..."; an empty line begins the next file.  The first byte chooses the
 * built-in policy and the options.
 */

#include "call-names.h"
#include "fuzz.h"
#include "str.h"
#include "syscalls.h"
#include "test-seccomp-vm.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WORDS 400

struct input {
        struct plan plan;
        struct plan_syscall words[MAX_WORDS];
        bool fakes_root;
};

/* As apply-syscalls.c takes them: what is not understood there never gets into a plan. */
static bool is_taken(enum plan_syscall_kind kind, const char *text)
{
        struct call_word word;
        struct err e = { 0 };
        int refuse;

        if (kind == PLAN_SYSCALL_DEFAULT)
                return call_word_parse_default(text, &refuse, &e) == 0;
        if (call_word_parse(text, &word, &e) < 0 || call_names_check(&word, &e) < 0) {
                if (e.text[0] == '\0' || e.code <= 0)
                        abort();
                return false;
        }
        return true;
}

static void read_input(struct input *in, char first, char *text)
{
        static const char *const keys[] = { "default", "allow", "deny", "log" };
        unsigned layer = 3;

        in->plan.policy_name = "./my.policy";
        in->plan.confine.filter = first & 1 ? "sandbox" : "container";
        in->plan.confine.may_nest_userns = first & 2;
        in->fakes_root = !(first & 1) && first & 4;
        in->plan.confine.syscalls = in->words;
        for (char *line; (line = str_next_field(&text, '\n'));) {
                const char *key = strtok_r(line, " ", &line);
                size_t kind = 0;

                if (!key)
                        layer++;
                while (key && kind < 4 && !str_eq(keys[kind], key))
                        kind++;
                if (!key || kind == 4)
                        continue;
                for (char *word; (word = strtok_r(line, " ", &line));) {
                        size_t n = in->plan.confine.n_syscalls;

                        if (n == MAX_WORDS || !is_taken((enum plan_syscall_kind)kind, word))
                                continue;
                        in->words[n] = (struct plan_syscall){ (enum plan_syscall_kind)kind, word,
                                                              "my.policy:1", layer };
                        in->plan.confine.n_syscalls = n + 1;
                }
        }
}

/* Whether kelp's own rules refuse call `nr` with these arguments. */
static bool is_refused(const struct call_machine *m, const struct call_variant *variant, int nr,
                       const __u64 *args)
{
        for (size_t i = 0; i < call_rules_count; i++) {
                const struct call_rule *rule = &call_rules[i];

                if (m->rule_numbers[i] == nr && call_rule_counts_for(rule, variant) &&
                    vm_holds(&rule->conds[0], args) && vm_holds(&rule->conds[1], args))
                        return rule->refuse != 0;
        }
        return false;
}

static void check_rules(const struct input *in, const struct call_program *program)
{
        const struct call_variant variant = { in->plan.confine.may_nest_userns, in->fakes_root };
        struct call_machine m;

        call_names_machine(&m);
        for (size_t i = 0; i < call_rules_count; i++) {
                struct seccomp_data call = { .nr = m.rule_numbers[i], .arch = call_arch };

                for (size_t c = 0; c < CALL_RULE_MAX_CONDS; c++)
                        call.args[call_rules[i].conds[c].arg] |= call_rules[i].conds[c].value;
                for (uint64_t high = 0; high < 2 && call.nr >= 0; high++) {
                        for (size_t a = 0; a < 6; a++)
                                call.args[a] |= high << (32 + a);
                        struct vm_result result = vm_run(program->insns, program->len, &call);

                        if (result.is_broken || (call_table_is_passed(result.action) &&
                                                 is_refused(&m, &variant, call.nr, call.args)))
                                abort();
                }
        }
}

static void check_program(const struct input *in, const struct call_program *program)
{
        struct seccomp_data call = { .arch = call_arch };

        if (program->len > BPF_MAXINSNS)
                abort();
        for (int nr = 0; nr < CALL_TABLE_MAX + 8; nr++) {
                call.nr = nr;
                struct vm_result result = vm_run(program->insns, program->len, &call);

                if (result.is_broken)
                        abort();
                if (nr < CALL_TABLE_MAX && call_is_never[nr] && !in->plan.confine.may_nest_userns &&
                    call_table_is_passed(result.action))
                        abort();
                call.nr = 0x40000000 | nr;
                if (call_table_is_passed(vm_run(program->insns, program->len, &call).action))
                        abort();
        }
        call = (struct seccomp_data){ .nr = 0, .arch = call_arch ^ 1 };
        if (vm_run(program->insns, program->len, &call).action != SECCOMP_RET_KILL_PROCESS)
                abort();
        check_rules(in, program);
}

static void count(void *user, const char *origin, const char *calls)
{
        if (origin[0] == '\0' || calls[0] == '\0')
                abort();
        ++*(size_t *)user;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct call_program *program = NULL;
        struct plan_problems problems = { 0 };
        struct err e = { 0 };
        size_t told = 0;

        if (size < 1 || size > 16 * 1024)
                return 0;
        struct input *in = calloc(1, sizeof(*in));
        char *text = fuzz_text(data + 1, size - 1);
        if (!in || !text)
                abort();
        read_input(in, (char)data[0], text);
        syscalls_judge(&in->plan, &problems);
        /* a plan with problems has no filter at all */
        if (problems.n > 0)
                in->plan.confine.judged = NULL;
        int r = syscalls_compile(&in->plan, in->fakes_root, &program, &e);
        if (r < 0 && problems.n == 0 && e.code != E2BIG)
                abort();
        if (r == 0)
                check_program(in, program);
        syscalls_tell_weaker(&in->plan, count, &told);
        arena_done(&in->plan.arena);
        free(program);
        free(text);
        free(in);
        return 0;
}
