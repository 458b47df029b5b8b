#include "test-seccomp-built.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "call-rules.h"
#include "calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const arch_names[N_ARCHS] = { "x86_64", "aarch64" };
static const struct {
        const char *file;
        struct call_variant variant;
} policies[N_POLICIES] = {
        { "sandbox", { .allow_userns = false } },
        { "sandbox", { .allow_userns = true } },
        { "container", { .allow_userns = false } },
        { "container", { .allow_userns = true } },
        { "container", { .fake_root = true } },
        { "container", { .allow_userns = true, .fake_root = true } },
        { "strict", { .allow_userns = false } },
        { "strict", { .allow_userns = true } },
};

struct built built_filters[N_FILTERS];

uint32_t built_ask(const struct built *b, int nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
        struct seccomp_data data = { .nr = nr, .arch = b->arch, .args = { a0, a1, a2 } };
        struct vm_result result = vm_run(b->program->insns, b->program->len, &data);

        assert_false(result.is_broken);
        return result.action;
}

int built_number(const struct built *b, const char *name)
{
        struct err e = { 0 };
        int nr = -1;

        if (calls_resolve(&b->groups.calls, name, &nr, &e) < 0)
                fail_msg("%s", e.text);
        return nr;
}

bool built_is_silent(const struct built *b)
{
        return strcmp(b->policy.name, "strict") == 0 ||
               strcmp(b->policy.name, "strict+userns") == 0;
}

bool built_has_rules(const struct built *b, int nr)
{
        for (size_t i = 0; i < call_rules_count; i++)
                if (call_rule_counts_for(&call_rules[i], &b->policy.variant) &&
                    built_number(b, call_rules[i].call) == nr)
                        return true;
        return false;
}

static int build_one(struct built *b, size_t a, size_t p, const char *groups, const char *dir)
{
        char path[4096];
        struct err e = { 0 };
        const struct arch *arch = arch_find(arch_names[a], &e);
        struct policy_source source = { .path = path, .variant = policies[p].variant };

        snprintf(path, sizeof(path), "%s/%s.policy", dir, policies[p].file);
        b->arch_name = arch_names[a];
        int r = arch ? groups_read(&b->groups, groups, arch, &e) : -1;
        if (r == 0)
                r = policy_read(&b->policy, &source, &b->groups, &e);
        if (r == 0)
                r = policy_compile(&b->program, &b->policy, &b->groups, &e);
        if (r == 0)
                b->arch = arch->token;
        else
                fprintf(stderr, "%s\n", e.text);
        return r;
}

void built_free_all(void)
{
        for (struct built *b = built_filters; b < built_filters + N_FILTERS; b++) {
                free(b->program);
                policy_done(&b->policy);
                groups_done(&b->groups);
        }
}

int built_make_all(const char *groups, const char *dir)
{
        for (size_t a = 0; a < N_ARCHS; a++)
                for (size_t p = 0; p < N_POLICIES; p++)
                        if (build_one(&built_filters[a * N_POLICIES + p], a, p, groups, dir) < 0)
                                return -1;
        return 0;
}
