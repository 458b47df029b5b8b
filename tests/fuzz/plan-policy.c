/*
 * Any text as the policy of the user's own, for a view of this host and for an image; and as the file
 * of a project, which never loosens.
 */

#include "plan-fuzz.h"

#include <stdlib.h>

static void try_text(const char *text, const char *where)
{
        const char *argv[] = { "--policy", "./fuzz.policy", where, "x", NULL };
        struct made m;

        made_start(&m);
        m.policy_text = text;
        made_run(&m, argv);
        fuzz_judge(&m);
        made_done(&m);
}

static size_t count_grants(const struct plan *p)
{
        size_t n = 0;

        for (size_t i = 0; i < p->files.n_rules; i++) {
                enum plan_rule_kind kind = p->files.rules[i].kind;

                n += kind == PLAN_RULE_READABLE || kind == PLAN_RULE_WRITABLE ||
                     kind == PLAN_RULE_DEVICE || kind == PLAN_RULE_SOCKET;
        }
        for (size_t i = 0; i < p->files.n_patterns; i++)
                n += p->files.patterns[i].kind == PLAN_RULE_READABLE;
        return n;
}

static size_t count_allowed(const struct plan *p)
{
        size_t n = p->net.n_ports + p->net.n_host_ports;

        for (size_t i = 0; i < p->net.n_rules; i++)
                n += !p->net.rules[i].is_deny;
        for (size_t i = 0; i < p->confine.n_syscalls; i++)
                n += p->confine.syscalls[i].kind == PLAN_SYSCALL_ALLOW ||
                     p->confine.syscalls[i].kind == PLAN_SYSCALL_DEFAULT;
        return n;
}

/* Over a policy with something to take away. */
static void try_project(const char *text)
{
        static const char wide[] = "[network]\nmode = user\n[limits]\ntime = 1h\n";
        const char *argv[] = { "--", "x", NULL };
        struct made_policy policies[] = { { POLICY_USER, "sandbox", wide },
                                          { POLICY_PROJECT, "", text },
                                          { 0 } };
        struct made with;
        struct made without;

        made_start(&with);
        with.policies = policies;
        made_run(&with, argv);
        fuzz_judge(&with);
        policies[1].name = NULL;
        made_start(&without);
        without.policies = policies;
        made_run(&without, argv);
        if (with.result == 0) {
                const struct plan *now = &with.plan;
                const struct plan *old = &without.plan;

                fuzz_must(without.result == 0, "the policy is right without the project");
                fuzz_must(now->net.mode == PLAN_NETWORK_NONE ||
                                  now->net.mode == PLAN_NETWORK_FILTERED ||
                                  now->net.mode == old->net.mode,
                          "no wider network");
                fuzz_must(now->limits.timeout_ns != 0 &&
                                  now->limits.timeout_ns <= old->limits.timeout_ns,
                          "no more time");
                fuzz_must(count_grants(now) <= count_grants(old), "nothing more is shown");
                fuzz_must(count_allowed(now) <= count_allowed(old), "nothing more is allowed");
                fuzz_must(now->exec.n_env <= old->exec.n_env, "no more variables");
                fuzz_must((now->confine.keep_caps & ~old->confine.keep_caps) == 0,
                          "no capabilities");
        }
        made_done(&with);
        made_done(&without);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *text = fuzz_text(data, size);

        try_text(text, "--");
        try_text(text, "img");
        try_project(text);
        free(text);
        return 0;
}
