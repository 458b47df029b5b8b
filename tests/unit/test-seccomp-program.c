/*
 * The compiler, with policies that nobody would write: random answers to all numbers, so that
 * filters grow far beyond the reach of one jump, and an evaluation of the argument rules that
 * knows nothing of instructions.
 *
 *     test-seccomp-program GROUPS POLICY-DIR
 *
 * And the filters that are compiled into kelp: those that the compiler makes.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "call-program.h"
#include "call-rules.h"
#include "calls.h"
#include "groups.h"
#include "policy.h"
#include "seccomp-filters.h"
#include "test-seccomp-built.h"
#include "test-seccomp-vm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *groups_path;
static const char *policy_dir;

struct random_case {
        struct groups groups;
        struct policy policy;
        struct call_program *program;
};

/* xorshift: the same cases on every machine */
static uint32_t next_random(uint32_t *state)
{
        *state ^= *state << 13;
        *state ^= *state >> 17;
        *state ^= *state << 5;
        return *state;
}

static uint32_t random_action(uint32_t *state)
{
        static const uint32_t actions[] = {
                SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW, SECCOMP_RET_LOG,
                REFUSED(EPERM),    REFUSED(ENOSYS),   SECCOMP_RET_KILL_PROCESS,
        };

        return actions[next_random(state) % 6];
}

/* Runs of equal answers of `run` numbers on average. */
static void make_random(struct random_case *c, uint32_t seed, uint32_t run)
{
        uint32_t state = seed * 2654435761u + 1;
        uint32_t action = SECCOMP_RET_ALLOW;
        struct err e = { 0 };

        memset(&c->policy, 0, sizeof(c->policy));
        c->policy.table.fallback = REFUSED(ENOSYS);
        c->policy.variant.allow_userns = seed % 2;
        c->policy.variant.fake_root = seed % 3 == 0;
        for (int nr = 0; nr < CALLS_MAX; nr++) {
                if (next_random(&state) % run == 0)
                        action = random_action(&state);
                c->policy.table.actions[nr] = action;
                c->policy.table.is_logged[nr] = action == SECCOMP_RET_LOG;
                c->policy.table.is_named[nr] = next_random(&state) % 8 > 0;
                c->groups.is_hot[nr] = next_random(&state) % 16 == 0;
        }
        if (policy_compile(&c->program, &c->policy, &c->groups, &e) < 0)
                fail_msg("%s", e.text);
}

static uint32_t evaluate(const struct random_case *c, const struct seccomp_data *data)
{
        bool is_known = data->nr >= 0 && data->nr < CALLS_MAX;
        uint32_t action = is_known ? c->policy.table.actions[data->nr] : c->policy.table.fallback;
        struct err e = { 0 };

        if (action != SECCOMP_RET_ALLOW && action != SECCOMP_RET_LOG)
                return action;
        for (size_t i = 0; i < call_rules_count; i++) {
                const struct call_rule *rule = &call_rules[i];
                int nr = -1;

                assert_int_equal(calls_resolve(&c->groups.calls, rule->call, &nr, &e), 0);
                if (nr == data->nr && call_rule_counts_for(rule, &c->policy.variant) &&
                    vm_holds(&rule->conds[0], data->args) && vm_holds(&rule->conds[1], data->args))
                        return rule->refuse == CALL_RULE_FAKE ? FAKED
                               : rule->refuse                 ? REFUSED(rule->refuse)
                                                              : action;
        }
        return action;
}

static void compare(const struct seccomp_data *data, void *user)
{
        const struct random_case *c = user;
        struct vm_result result = vm_run(c->program->insns, c->program->len, data);

        assert_false(result.is_broken);
        assert_int_equal(result.action, evaluate(c, data));
}

static void compare_all(struct random_case *c)
{
        for (int nr = -1; nr <= CALLS_MAX; nr++) {
                struct seccomp_data data = { .nr = nr,
                                             .arch = c->groups.calls.arch->token,
                                             .args = { 2, 1, 0 } };

                compare(&data, c);
                data.arch ^= 1;
                assert_int_equal(vm_run(c->program->insns, c->program->len, &data).action,
                                 SECCOMP_RET_KILL_PROCESS);
        }
}

static void test_random_policies(void **state)
{
        static const char *const arch_names[] = { "x86_64", "aarch64" };
        static const uint32_t runs[] = { 1, 2, 5, 20, 400 };
        size_t longest = 0;
        struct random_case c;
        struct err e = { 0 };

        (void)state;
        for (size_t a = 0; a < 2; a++) {
                const struct arch *arch = arch_find(arch_names[a], &e);

                assert_int_equal(groups_read(&c.groups, groups_path, arch, &e), 0);
                for (uint32_t seed = 0; seed < 100; seed++) {
                        make_random(&c, seed, runs[seed % 5]);
                        compare_all(&c);
                        if (c.program->len > longest)
                                longest = c.program->len;
                        free(c.program);
                }
                groups_done(&c.groups);
        }
        /* else jumps beyond the reach of a test have not been tried */
        assert_in_range(longest, 600, BPF_MAXINSNS);
}

/* The calls with rules, in filters long enough that their rules are far away. */
static void test_rules_far_away(void **state)
{
        struct random_case c;
        struct err e = { 0 };

        (void)state;
        assert_int_equal(groups_read(&c.groups, groups_path, arch_find("x86_64", &e), &e), 0);
        for (uint32_t seed = 0; seed < 2; seed++) {
                make_random(&c, seed, 1);
                free(c.program);
                for (size_t i = 0; i < call_rules_count; i++) {
                        int nr = -1;

                        assert_int_equal(
                                calls_resolve(&c.groups.calls, call_rules[i].call, &nr, &e), 0);
                        c.policy.table.actions[nr] = seed ? SECCOMP_RET_LOG : SECCOMP_RET_ALLOW;
                        c.policy.table.is_logged[nr] = seed;
                }
                assert_int_equal(policy_compile(&c.program, &c.policy, &c.groups, &e), 0);
                for (size_t i = 0; i < call_rules_count; i++) {
                        int nr = -1;

                        assert_int_equal(
                                calls_resolve(&c.groups.calls, call_rules[i].call, &nr, &e), 0);
                        if (i == 0 || strcmp(call_rules[i].call, call_rules[i - 1].call) != 0)
                                vm_sweep_args(c.groups.calls.arch->token, nr, compare, &c);
                }
                free(c.program);
        }
        groups_done(&c.groups);
}

static void test_embedded_filters(void **state)
{
        static const char *const names[] = {
                "sandbox",          "sandbox+userns",     "container",
                "container+userns", "container+fakeroot", "container+userns+fakeroot",
                "strict",           "strict+userns",
        };
        size_t compared = 0;

        (void)state;
        assert_int_equal(built_make_all(groups_path, policy_dir), 0);
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                const struct seccomp_filter *filter = seccomp_filter_find(names[i]);

                assert_non_null(filter);
                assert_string_equal(filter->name, names[i]);
                for (size_t f = 0; f < N_FILTERS; f++) {
                        const struct built *b = &built_filters[f];

                        if (strcmp(b->arch_name, HOST_ARCH) != 0 ||
                            strcmp(b->policy.name, names[i]) != 0)
                                continue;
                        assert_int_equal(filter->len, b->program->len);
                        assert_memory_equal(filter->insns, b->program->insns,
                                            filter->len * sizeof(*filter->insns));
                        compared++;
                }
        }
        built_free_all();
        assert_int_equal(compared, N_POLICIES);
        assert_null(seccomp_filter_find("sandbo"));
        assert_null(seccomp_filter_find("sandbox+"));
        /* a view of this host has no root to fake */
        assert_null(seccomp_filter_find("sandbox+fakeroot"));
        assert_null(seccomp_filter_find(""));
}

int main(int argc, char **argv)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_random_policies),
                cmocka_unit_test(test_rules_far_away),
                cmocka_unit_test(test_embedded_filters),
        };

        if (argc != 3) {
                fprintf(stderr, "usage: %s GROUPS POLICY-DIR\n", argv[0]);
                return 2;
        }
        groups_path = argv[1];
        policy_dir = argv[2];
        return cmocka_run_group_tests(tests, NULL, NULL);
}
