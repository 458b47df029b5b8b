#include "plan-fuzz.h"

#include "path.h"
#include "str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fuzz_must(bool holds, const char *what)
{
        if (holds)
                return;
        fprintf(stderr, "does not hold: %s\n", what);
        abort();
}

static void judge_problems(const struct plan_problems *problems)
{
        for (size_t i = 0; i < problems->n; i++) {
                const struct err *e = &problems->items[i];

                fuzz_must(e->code > 0, "a problem has a code");
                fuzz_must(e->text[0] != '\0' && e->text[0] != '\n', "a problem has a text");
                fuzz_must(memchr(e->text, '\0', sizeof(e->text)) != NULL, "a text is terminated");
        }
}

static void judge_rules(const struct plan_files *files)
{
        for (size_t i = 0; i < files->n_rules; i++) {
                const struct plan_rule *rule = &files->rules[i];
                bool is_pattern = rule->kind == PLAN_RULE_PROTECTED && rule->box_path[0] != '/';

                fuzz_must(is_pattern || path_is_clean(rule->box_path), "paths inside are clean");
                fuzz_must(!is_pattern || !strstr(rule->box_path, "/../"), "names inside are clean");
                fuzz_must(!rule->host_path || path_is_clean(rule->host_path),
                          "paths outside are clean");
                fuzz_must(rule->origin != NULL, "a rule has an origin");
                fuzz_must(rule->mode <= 07777, "a mode is one");
                fuzz_must(!str_eq(rule->box_path, "/"), "the root is not replaced");
                fuzz_must(rule->kind == PLAN_RULE_HIDDEN || rule->kind == PLAN_RULE_DEVICE ||
                                  rule->kind == PLAN_RULE_PROTECTED ||
                                  (!path_is_in(rule->box_path, "/proc") &&
                                   !path_is_in(rule->box_path, "/sys") &&
                                   !path_is_in(rule->box_path, "/dev")),
                          "the kernel's own directories are not replaced");
        }
}

static void judge_exec(const struct plan_exec *exec)
{
        fuzz_must(exec->n_args > 0 && exec->argv[0][0], "there is a command");
        fuzz_must(exec->argv[exec->n_args] == NULL, "argv is terminated");
        fuzz_must(exec->env[exec->n_env] == NULL, "env is terminated");
        fuzz_must(path_is_clean(exec->workdir), "the working directory is clean");
        for (size_t i = 0; i < exec->n_env; i++) {
                size_t len = strcspn(exec->env[i], "=");

                fuzz_must(len > 0 && exec->env[i][len] == '=', "a variable has a name and a value");
                for (size_t j = 0; j < i; j++)
                        fuzz_must(strncmp(exec->env[i], exec->env[j], len + 1) != 0,
                                  "no variable is there twice");
        }
}

static void judge_rest(const struct plan *p)
{
        for (size_t i = 0; i < p->net.n_ports; i++)
                fuzz_must(p->net.ports[i].host_port && p->net.ports[i].box_port, "ports are ports");
        fuzz_must(p->net.n_ports == 0 || p->net.mode == PLAN_NETWORK_USER, "ports need a network");
        for (size_t i = 0; i < p->limits.n_rlimits; i++)
                fuzz_must(p->limits.rlimits[i].soft <= p->limits.rlimits[i].hard,
                          "soft is below hard");
        for (size_t i = 0; i < p->report.n_keep_fds; i++) {
                fuzz_must(p->report.keep_fds[i] >= 3, "standard streams are not kept");
                fuzz_must(i == 0 || p->report.keep_fds[i - 1] < p->report.keep_fds[i], "in order");
        }
        fuzz_must(p->root == PLAN_ROOT_IMAGE || p->confine.keep_caps == 0,
                  "a host view has no rights");
        fuzz_must(p->confine.filter != NULL, "there is a filter");
}

void fuzz_judge(const struct made *m)
{
        judge_problems(m->problems);
        fuzz_must((m->result == 0) == (m->problems->n == 0), "a problem is a failure");
        if (m->result != 0)
                return;
        judge_rules(&m->plan.files);
        judge_exec(&m->plan.exec);
        judge_rest(&m->plan);
}
