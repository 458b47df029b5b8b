#include "why.h"

#include "str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct target {
        const char *text; /* as it is suggested: a name in lower case or an address */
        int family;       /* AF_UNSPEC: it is a name */
        uint8_t address[16];
        uint16_t port;
        char name[NET_RULE_MAX_NAME + 1];
};

static int read_target(const char *host, uint16_t port, struct target *ret, struct err *e)
{
        size_t len = strlen(host);

        *ret = (struct target){ .text = ret->name, .port = port };
        if (len > 0 && host[len - 1] == '.')
                len--;
        if (len == 0 || len >= sizeof(ret->name))
                return err_set(e, EINVAL, "'%s' is not a host name", host);
        for (size_t i = 0; i < len; i++)
                ret->name[i] = host[i] >= 'A' && host[i] <= 'Z' ? (char)(host[i] | 0x20) : host[i];
        if (inet_pton(AF_INET, ret->name, ret->address) == 1)
                ret->family = AF_INET;
        else if (inet_pton(AF_INET6, ret->name, ret->address) == 1)
                ret->family = AF_INET6;
        else if (!net_rule_is_name(ret->name))
                return err_set(e, EINVAL, "'%s' is neither a host name nor an address", host);
        return 0;
}

/* Of the sandbox's own network namespace; "localhost" by RFC 6761, section 6.3. */
static bool is_loopback(const struct target *target)
{
        static const uint8_t v6[16] = { [15] = 1 };

        if (target->family == AF_INET)
                return target->address[0] == 127;
        if (target->family == AF_INET6)
                return memcmp(target->address, v6, sizeof(v6)) == 0;
        return str_eq(target->name, "localhost") || str_has_suffix(target->name, ".localhost");
}

/* Ports of the web are what a rule without a port means. */
static void suggest_allow(const struct target *target, struct why *ret)
{
        char value[NET_RULE_MAX_NAME + 16];

        if (target->port == 0 || target->port == 80 || target->port == 443)
                snprintf(value, sizeof(value), "%s", target->text);
        else
                snprintf(value, sizeof(value), target->family == AF_INET6 ? "[%s]:%u" : "%s:%u",
                         target->text, (unsigned)target->port);
        why_suggest(ret, "--allow", "[network] allow", value);
}

static void ask_loopback(const struct plan *p, const struct target *target, struct why *ret)
{
        char port[8];

        for (size_t i = 0; i < p->net.n_host_ports; i++) {
                if (target->family != AF_INET6 && p->net.host_ports[i] == target->port) {
                        why_say(ret, true, NULL, "a port of this host that is lent");
                        return;
                }
        }
        why_say(ret, false, NULL,
                "the sandbox's own loopback, where only what runs inside listens");
        snprintf(port, sizeof(port), "%u", (unsigned)target->port);
        if (target->port != 0 && target->family != AF_INET6)
                why_suggest(ret, "--host-port", "[network] host-port", port);
}

static void ask_rules(const struct plan *p, const struct target *target, struct why *ret)
{
        const struct net_rule *rule =
                target->family == AF_UNSPEC
                        ? net_rules_find_name(p->net.rules, p->net.n_rules, target->name,
                                              target->port)
                        : net_rules_find_address(p->net.rules, p->net.n_rules, target->family,
                                                 target->address, target->port);

        if (rule && rule->is_deny) {
                why_say(ret, false, rule->origin, "denied by '%s'", rule->text);
        } else if (rule) {
                why_say(ret, true, rule->origin, "rule '%s'", rule->text);
                if (target->family == AF_UNSPEC)
                        snprintf(ret->comment, sizeof(ret->comment),
                                 "if its address is a public one: others need a rule of their own");
        } else {
                why_say(ret, false, NULL, "no line allows it");
                suggest_allow(target, ret);
        }
}

int why_host(const struct plan *p, const char *host, uint16_t port, struct why *ret, struct err *e)
{
        struct target target;

        if (read_target(host, port, &target, e) < 0)
                return -e->code;
        if (p->net.mode == PLAN_NETWORK_HOST) {
                why_say(ret, true, NULL, "the network is this host's own");
                return 0;
        }
        if (is_loopback(&target)) {
                ask_loopback(p, &target, ret);
                return 0;
        }
        switch (p->net.mode) {
        case PLAN_NETWORK_NONE:
                why_say(ret, false, NULL, "there is no network");
                suggest_allow(&target, ret);
                break;
        case PLAN_NETWORK_USER:
                why_say(ret, true, NULL, "the network is open (user)");
                break;
        case PLAN_NETWORK_FILTERED:
                ask_rules(p, &target, ret);
                break;
        case PLAN_NETWORK_HOST:
                break;
        }
        return 0;
}
