#include "check-filtered.h"

#include "net-ports.h"
#include "net-special.h"
#include "str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

static bool is_option(const char *origin)
{
        return str_has_prefix(origin, "option ");
}

/* A rule that says no must not be passed over because the network is another one. */
static void check_denials(const struct plan_net *net, struct plan_problems *problems)
{
        bool is_open = net->mode == PLAN_NETWORK_USER || net->mode == PLAN_NETWORK_HOST;

        if (net->mode == PLAN_NETWORK_FILTERED)
                return;
        for (size_t i = 0; i < net->n_rules; i++) {
                const struct net_rule *rule = &net->rules[i];
                struct err e = { 0 };

                if (!rule->is_deny || (!is_open && !is_option(rule->origin)))
                        continue;
                err_set(&e, EINVAL, "%s: '%s' can be denied in a filtered network alone",
                        rule->origin, rule->text);
                err_hint(&e, is_open ? "--allow '*' allows every name but what is denied"
                                     : "there is no network; name what is allowed with --allow");
                plan_add_problem(problems, &e);
                return;
        }
}

/* Ranges of addresses that the sandbox's own side of a filtered network is made of. */
static bool is_ours(const struct net_rule *rule)
{
        return rule->kind == NET_RULE_NETWORK && rule->prefix >= 15 &&
               net_special_is_ours(rule->family, rule->address);
}

static bool is_any_port(const struct net_rule *rule)
{
        return rule->ports[0].first == 1 && rule->ports[0].last == UINT16_MAX;
}

static void check_rules(const struct plan_net *net, struct plan_problems *problems)
{
        for (size_t i = 0; i < net->n_rules; i++) {
                const struct net_rule *rule = &net->rules[i];
                struct err e = { 0 };

                if (rule->is_deny || !is_ours(rule))
                        continue;
                err_set(&e, EINVAL, "%s: '%s' lies in 198.18.0.0/15, which a filtered network uses",
                        rule->origin, rule->text);
                err_hint(&e, "allow the host by its name");
                plan_add_problem(problems, &e);
        }
}

static void check_port_count(const struct plan_net *net, struct plan_problems *problems)
{
        struct net_port_set ports;
        struct err e = { 0 };

        net_ports_of_rules(net, AF_UNSPEC, &ports);
        size_t n = net_ports_count(&ports);
        if (n <= NET_PORTS_MAX)
                return;
        for (size_t i = 0; i < net->n_rules; i++) {
                const struct net_rule *rule = &net->rules[i];

                if (rule->is_deny || !is_any_port(rule))
                        continue;
                err_set(&e, E2BIG, "%s: '%s' allows every port; a filtered network has at most %d",
                        rule->origin, rule->text, NET_PORTS_MAX);
                break;
        }
        if (e.code == 0)
                err_set(&e, E2BIG, "the rules name %zu ports; a filtered network has at most %d", n,
                        NET_PORTS_MAX);
        err_hint(&e, "name the ports that are needed, like HOST:443 or HOST:8000-8100");
        plan_add_problem(problems, &e);
}

static void check_published(const struct plan_net *net, struct plan_problems *problems)
{
        for (size_t i = 0; i < net->n_ports; i++) {
                struct err e = { 0 };

                if (!net->ports[i].is_udp)
                        continue;
                err_set(&e, ENOTSUP, "udp port %u cannot be published in a filtered network",
                        net->ports[i].host_port);
                err_hint(&e, "it carries TCP alone; --network user carries UDP");
                plan_add_problem(problems, &e);
        }
}

void check_filtered(const struct plan *p, struct plan_problems *problems)
{
        const struct plan_net *net = &p->net;
        struct err e = { 0 };

        check_denials(net, problems);
        if (net->mode != PLAN_NETWORK_FILTERED) {
                if (!net->log)
                        return;
                err_set(&e, EINVAL, "--net-log needs a filtered network");
                err_hint(&e, "add --allow HOST, or --network filtered");
                plan_add_problem(problems, &e);
                return;
        }
        check_rules(net, problems);
        check_port_count(net, problems);
        check_published(net, problems);
}
