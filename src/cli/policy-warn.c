#include "policy-warn.h"

#include "call-names.h"
#include "log.h"
#include "str.h"
#include "syscalls.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

struct warner {
        struct asked_plan *a;
        size_t n;
};

/* "FILE:LINE: 'key = word' WHY" */
static void warn(struct warner *w, const struct policy_word *word, const char *why,
                 const char *origin)
{
        log_notice("warning: %s: '%s = %s' %s%s", word->origin, word->key, word->value, why,
                   origin ? origin : "");
        w->n++;
}

/* --- paths --- */

static bool is_there(const struct plan_rule *rule)
{
        struct stat st;

        return lstat(rule->host_path ? rule->host_path : rule->box_path, &st) == 0;
}

/* What an image has is not known here, and what is protected may come to be. */
static bool must_be_there(const struct plan *p, const struct plan_rule *rule)
{
        switch (rule->kind) {
        case PLAN_RULE_READABLE:
        case PLAN_RULE_WRITABLE:
        case PLAN_RULE_DEVICE:
        case PLAN_RULE_SOCKET:
                return !rule->if_exists;
        case PLAN_RULE_HIDDEN:
                return !rule->if_exists && p->root == PLAN_ROOT_HOST;
        case PLAN_RULE_PROTECTED:
        case PLAN_RULE_TEMPORARY:
        case PLAN_RULE_EMPTY:
                break;
        }
        return false;
}

static void warn_of_paths(struct warner *w, const struct policy_word *word)
{
        const struct plan *p = &w->a->plan;

        /* that is made when it is first used */
        if (str_eq(word->key, "cache"))
                return;
        for (size_t i = 0; i < word->n_rules; i++) {
                const struct plan_rule *rule = &p->files.rules[word->first_rule + i];

                if (must_be_there(p, rule) && !is_there(rule)) {
                        warn(w, word,
                             "names what is not there: a run would fail; with '-' in "
                             "front it may be absent",
                             NULL);
                        return;
                }
        }
}

/* --- hosts --- */

static const struct net_rule *find_rule(const struct plan_net *net, const struct policy_word *word)
{
        for (size_t i = 0; i < net->n_rules; i++) {
                if (str_eq(net->rules[i].origin, word->origin) &&
                    str_eq(net->rules[i].text, word->value) && !net->rules[i].is_deny)
                        return &net->rules[i];
        }
        return NULL;
}

static bool has_ports(const struct net_rule *rule, const struct net_ports *ports)
{
        for (size_t i = 0; i < rule->n_ports; i++) {
                if (rule->ports[i].first <= ports->first && rule->ports[i].last >= ports->last)
                        return true;
        }
        return false;
}

/* The rule that denies all of what `rule` allows at those ports; NULL: there is none. */
static const struct net_rule *find_denial(const struct plan_net *net, const struct net_rule *rule,
                                          const struct net_ports *ports)
{
        const uint16_t port = ports->first;
        const struct net_rule *by = NULL;
        char name[NET_RULE_MAX_NAME + 8];

        switch (rule->kind) {
        case NET_RULE_NAME:
                by = net_rules_find_name(net->rules, net->n_rules, rule->name, port);
                break;
        case NET_RULE_BELOW:
                snprintf(name, sizeof(name), "x%s%s", rule->name[0] ? "." : "", rule->name);
                by = net_rules_find_name(net->rules, net->n_rules, name, port);
                break;
        case NET_RULE_NETWORK:
                by = net_rules_find_address(net->rules, net->n_rules, rule->family, rule->address,
                                            port);
                /* a part of it may be open */
                if (by && by->is_deny && by->prefix > rule->prefix)
                        by = NULL;
                break;
        }
        return by && by->is_deny && has_ports(by, ports) ? by : NULL;
}

static void warn_of_hosts(struct warner *w, const struct policy_word *word)
{
        const struct plan_net *net = &w->a->plan.net;
        const struct net_rule *rule = find_rule(net, word);
        const struct net_rule *by = NULL;

        for (size_t i = 0; rule && i < rule->n_ports; i++) {
                by = find_denial(net, rule, &rule->ports[i]);
                if (!by)
                        return;
        }
        if (by)
                warn(w, word, "has no effect: it is denied by ", by->origin);
}

/* --- system calls --- */

/* Whether call `name` is refused by another line than that of the word. */
static int find_refusal(struct warner *w, const char *name, const struct policy_word *word,
                        const char **ret, struct err *e)
{
        struct syscalls_answer answer;

        *ret = NULL;
        if (syscalls_ask(&w->a->plan, false, name, &w->a->plan.arena, &answer, e) < 0)
                return -e->code;
        if (answer.number >= 0 && !call_table_is_passed(answer.action) && answer.n_rows == 0 &&
            answer.origin && !str_eq(answer.origin, word->origin))
                *ret = answer.origin;
        return 0;
}

static int warn_of_group(struct warner *w, const struct policy_word *word, struct err *e)
{
        const char *by = NULL;

        for (size_t i = 0; i < call_n_groups; i++) {
                const struct call_group *group = &call_groups[i];

                for (unsigned j = 0; str_eq(group->name, word->value) && j < group->n; j++) {
                        const char *name = call_names_of(call_group_members[group->first + j]);

                        if (name && find_refusal(w, name, word, &by, e) < 0)
                                return -e->code;
                        if (!by)
                                return 0;
                }
        }
        if (by)
                warn(w, word, "has no effect: it is denied by ", by);
        return 0;
}

static int warn_of_calls(struct warner *w, const struct policy_word *word, struct err *e)
{
        const char *by;

        if (word->value[0] == '@')
                return warn_of_group(w, word, e);
        if (strpbrk(word->value, "(:"))
                return 0;
        if (find_refusal(w, word->value, word, &by, e) < 0)
                return -e->code;
        if (by)
                warn(w, word, "has no effect: it is denied by ", by);
        return 0;
}

/* --- all --- */

static int warn_of(struct warner *w, const struct policy_word *word, struct err *e)
{
        bool allows = str_eq(word->key, "allow");

        if (word->is_skipped)
                return 0;
        if (word->overridden) {
                warn(w, word, "has no effect: what takes its place is ", word->overridden);
                return 0;
        }
        if (str_eq(word->section, "files") || str_eq(word->section, "devices"))
                warn_of_paths(w, word);
        else if (str_eq(word->section, "network") && allows)
                warn_of_hosts(w, word);
        else if (str_eq(word->section, "syscalls") && allows)
                return warn_of_calls(w, word, e);
        return 0;
}

static bool is_asked_for(const struct asked_plan *a, const char *policy)
{
        for (size_t i = 0; i < a->options.n; i++) {
                if (str_eq(a->options.uses[i].value, policy))
                        return true;
        }
        return a->options.n == 0;
}

/* The words of what is built in are kelp's own affair: a policy of yours may well replace them. */
static bool is_judged(const struct asked_plan *a, const struct policy_word *word)
{
        for (size_t i = 0; i < a->policies.n; i++) {
                const struct policy_text *text = &a->policies.items[i];
                size_t len = strlen(text->name);

                if (strncmp(text->name, word->origin, len) == 0 && word->origin[len] == ':')
                        return text->layer != POLICY_BUILTIN && is_asked_for(a, text->policy);
        }
        return false;
}

int policy_warn(struct asked_plan *a, size_t *ret_n, struct err *e)
{
        struct warner w = { .a = a };

        for (size_t i = 0; i < a->said.n; i++) {
                if (is_judged(a, &a->said.items[i]) && warn_of(&w, &a->said.items[i], e) < 0)
                        return -e->code;
        }
        *ret_n = w.n;
        return 0;
}
