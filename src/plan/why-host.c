#include "why.h"

#include "net-special.h"
#include "str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FIRST_GROUP   224 /* RFC 1112: no TCP leads to a group */
#define MAX_RULE_TEXT (NET_RULE_MAX_NAME + 16)

struct target {
        int family; /* AF_UNSPEC: it is a name */
        uint8_t address[16];
        uint16_t port;
        char name[NET_RULE_MAX_NAME + 1]; /* lower case, no last dot; or the address */
};

static bool read_address(const char *text, struct target *ret)
{
        ret->family = AF_UNSPEC;
        if (inet_pton(AF_INET, text, ret->address) == 1)
                ret->family = AF_INET;
        else if (inet_pton(AF_INET6, text, ret->address) == 1)
                ret->family = AF_INET6;
        return ret->family != AF_UNSPEC;
}

static int read_target(const char *host, uint16_t port, struct target *ret, struct err *e)
{
        size_t len = strlen(host);

        *ret = (struct target){ .port = port };
        if (len > 0 && host[len - 1] == '.')
                len--;
        if (len == 0 || len >= sizeof(ret->name))
                return err_set(e, EINVAL, "'%s' is not a host name", host);
        for (size_t i = 0; i < len; i++)
                ret->name[i] = host[i] >= 'A' && host[i] <= 'Z' ? (char)(host[i] | 0x20) : host[i];
        if (!read_address(ret->name, ret) && !net_rule_is_name(ret->name))
                return err_set(e, EINVAL, "'%s' is neither a host name nor an address", host);
        return 0;
}

/* What /etc/hosts says inside comes before any DNS. */
static void follow_hosts(const struct plan *p, struct target *target)
{
        for (size_t i = 0; i < p->net.n_hosts && target->family == AF_UNSPEC; i++) {
                const struct plan_host_name *host = &p->net.hosts[i];

                if (str_eq(host->name, target->name) && read_address(host->address, target))
                        snprintf(target->name, sizeof(target->name), "%s", host->address);
        }
}

/* Of the sandbox's own network namespace; "localhost" by RFC 6761, section 6.3. */
static bool is_loopback(const struct target *target)
{
        static const uint8_t v6[16] = { [15] = 1 };
        static const uint8_t any[16] = { 0 };

        if (target->family == AF_INET)
                return target->address[0] == 127 || memcmp(target->address, any, 4) == 0;
        if (target->family == AF_INET6)
                return memcmp(target->address, v6, sizeof(v6)) == 0 ||
                       memcmp(target->address, any, sizeof(any)) == 0;
        return str_eq(target->name, "localhost") || str_has_suffix(target->name, ".localhost");
}

/* --- what can be suggested --- */

/* Two contradictory options are a mistake; what a policy says can be overruled. */
static void suggest(const struct plan *p, struct why *ret, const char *option, const char *key,
                    const char *value)
{
        const char *origin = p->net.mode_origin;

        why_suggest(ret, option, key, value);
        if (p->net.mode == PLAN_NETWORK_FILTERED || !origin || !str_has_prefix(origin, "option "))
                return;
        snprintf(ret->comment, sizeof(ret->comment), "'%.300s' in place of %.60s would allow it",
                 ret->option, origin);
        ret->option[0] = '\0';
        ret->line[0] = '\0';
}

/* Ports of the web are what a rule without a port means. */
static void print_rule(const struct target *target, char text[MAX_RULE_TEXT])
{
        if (target->port == 0 || target->port == 80 || target->port == 443)
                snprintf(text, MAX_RULE_TEXT, "%s", target->name);
        else
                snprintf(text, MAX_RULE_TEXT, target->family == AF_INET6 ? "[%s]:%u" : "%s:%u",
                         target->name, (unsigned)target->port);
}

/* Some addresses no rule opens. */
static bool can_be_opened(const struct target *target, const char *text)
{
        char buffer[MAX_RULE_TEXT];
        struct net_rule rule;
        struct err unused = { 0 };

        if (net_rule_parse(text, false, buffer, &rule, &unused) < 0)
                return false;
        if (target->family == AF_UNSPEC)
                return true;
        if (target->family == AF_INET && target->address[0] >= FIRST_GROUP)
                return false;
        if (net_special_is_ours(target->family, target->address))
                return false;
        return !net_special_find(target->family, target->address, 0) ||
               net_special_is_opened(&rule, 1, target->family, target->address,
                                     target->port ? target->port : 80);
}

static void suggest_allow(const struct plan *p, const struct target *target, struct why *ret)
{
        char text[MAX_RULE_TEXT];

        print_rule(target, text);
        if (can_be_opened(target, text))
                suggest(p, ret, "--allow", "[network] allow", text);
}

/* --- the answers --- */

static void ask_loopback(const struct plan *p, const struct target *target, struct why *ret)
{
        static const uint8_t first[4] = { 127, 0, 0, 1 };
        char port[8];

        if (target->family == AF_INET && target->address[0] != 0 &&
            memcmp(target->address, first, sizeof(first)) != 0) {
                why_say(ret, false, NULL, "the sandbox's own loopback");
                return;
        }
        for (size_t i = 0; i < p->net.n_host_ports; i++) {
                if (p->net.host_ports[i] == target->port) {
                        why_say(ret, true, p->net.host_port_origin,
                                "a port of this host that is lent");
                        return;
                }
        }
        why_say(ret, false, NULL,
                "the sandbox's own loopback, where only what runs inside listens");
        snprintf(port, sizeof(port), "%u", (unsigned)target->port);
        if (target->port != 0)
                suggest(p, ret, "--host-port", "[network] host-port", port);
}

static void ask_name(const struct plan *p, const struct target *target, struct why *ret)
{
        const struct net_rule *rule =
                net_rules_find_name(p->net.rules, p->net.n_rules, target->name, target->port);

        if (rule && rule->is_deny) {
                why_say(ret, false, rule->origin, "denied by '%s'", rule->text);
        } else if (rule) {
                why_say(ret, true, rule->origin, "rule '%s'", rule->text);
                snprintf(ret->comment, sizeof(ret->comment),
                         "if it leads to a public address: others need a rule of their own");
        } else {
                why_say(ret, false, NULL, "no rule allows it");
                suggest_allow(p, target, ret);
        }
}

static void ask_address(const struct plan *p, const struct target *target, struct why *ret)
{
        const struct plan_net *net = &p->net;
        const struct net_special *special = net_special_find(target->family, target->address, 0);
        const struct net_rule *rule = net_rules_find_address(
                net->rules, net->n_rules, target->family, target->address, target->port);

        if (rule && rule->is_deny) {
                why_say(ret, false, rule->origin, "denied by '%s'", rule->text);
        } else if (rule && special &&
                   !net_special_is_opened(net->rules, net->n_rules, target->family, target->address,
                                          target->port)) {
                why_say(ret, false, rule->origin, "%s, which is more than '%s' opens",
                        special->what, rule->text);
                suggest_allow(p, target, ret);
        } else if (rule) {
                why_say(ret, true, rule->origin, "rule '%s'", rule->text);
        } else {
                why_say(ret, false, NULL, "no rule allows it");
                suggest_allow(p, target, ret);
        }
}

/* What is denied stays so in the network that another rule makes. */
static void ask_nothing(const struct plan *p, const struct target *target, struct why *ret)
{
        const struct plan_net *net = &p->net;
        const struct net_rule *rule =
                target->family == AF_UNSPEC
                        ? net_rules_find_name(net->rules, net->n_rules, target->name, target->port)
                        : net_rules_find_address(net->rules, net->n_rules, target->family,
                                                 target->address, target->port);

        if (rule && rule->is_deny) {
                why_say(ret, false, rule->origin, "there is no network, and '%s' is denied",
                        rule->text);
                return;
        }
        why_say(ret, false, net->mode_origin, "there is no network");
        suggest_allow(p, target, ret);
}

int why_host(const struct plan *p, const char *host, uint16_t port, struct why *ret, struct err *e)
{
        struct target target;

        if (read_target(host, port, &target, e) < 0)
                return -e->code;
        follow_hosts(p, &target);
        if (p->net.mode == PLAN_NETWORK_HOST) {
                why_say(ret, true, p->net.mode_origin, "the network is this host's own");
                return 0;
        }
        if (is_loopback(&target)) {
                ask_loopback(p, &target, ret);
                return 0;
        }
        switch (p->net.mode) {
        case PLAN_NETWORK_NONE:
                ask_nothing(p, &target, ret);
                break;
        case PLAN_NETWORK_USER:
                why_say(ret, true, p->net.mode_origin, "the network is open");
                break;
        case PLAN_NETWORK_FILTERED:
                if (target.family == AF_UNSPEC)
                        ask_name(p, &target, ret);
                else
                        ask_address(p, &target, ret);
                break;
        case PLAN_NETWORK_HOST:
                break;
        }
        return 0;
}

void why_suggest_host(const struct plan *p, const char *host, uint16_t port, struct why *ret)
{
        struct target target;
        struct err unused = { 0 };

        if (read_target(host, port, &target, &unused) == 0)
                suggest_allow(p, &target, ret);
}
