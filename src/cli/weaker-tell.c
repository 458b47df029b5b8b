#include "weaker-tell.h"

#include "log.h"
#include "str.h"
#include "syscalls.h"
#include "upstream-tell.h"

#include <string.h>
#include <sys/socket.h>

static void tell_weaker_calls(void *policy, const char *origin, const char *words)
{
        log_notice("%s allows system calls that '%s' refuses: %s", origin, (const char *)policy,
                   words);
}

static bool is_every_host(const struct net_rule *rule)
{
        return !rule->is_deny && ((rule->kind == NET_RULE_BELOW && rule->name[0] == '\0') ||
                                  (rule->kind == NET_RULE_NETWORK && rule->prefix == 0));
}

static bool is_own_loopback(const struct net_rule *rule)
{
        static const uint8_t one[16] = { [15] = 1 };

        if (rule->is_deny || rule->kind != NET_RULE_NETWORK)
                return false;
        return rule->family == AF_INET ? rule->prefix >= 8 && rule->address[0] == 127
                                       : rule->prefix == 128 && memcmp(rule->address, one, 16) == 0;
}

/* /etc/hosts has it: no program inside asks for it. */
static bool is_localhost(const struct net_rule *rule)
{
        return !rule->is_deny && rule->kind == NET_RULE_NAME && str_eq(rule->name, "localhost");
}

/* Who names this host wants to reach what listens there, and does not by such a rule. */
static void tell_local(const struct net_rule *name, const struct net_rule *address)
{
        if (name)
                log_notice("'%s' (%s): inside, that name is the sandbox's own loopback", name->text,
                           name->origin);
        if (address)
                log_notice("'%s' (%s) lets names and proxies lead to this host's own loopback; "
                           "inside, that address itself is the sandbox's own",
                           address->text, address->origin);
        if (name)
                log_hint("--host-port PORT lends a port of this host's own");
}

/* What a rule lets through that its user may not have in mind; each is said once. */
static void tell_filtered(const struct plan_net *net)
{
        const struct net_rule *every = NULL;
        const struct net_rule *own = NULL;
        const struct net_rule *local = NULL;

        for (size_t i = 0; i < net->n_rules; i++) {
                if (!every && is_every_host(&net->rules[i]))
                        every = &net->rules[i];
                if (!own && is_own_loopback(&net->rules[i]))
                        own = &net->rules[i];
                if (!local && is_localhost(&net->rules[i]))
                        local = &net->rules[i];
        }
        upstream_tell(net);
        if (every)
                log_notice("'%s' (%s) allows every host that is not denied", every->text,
                           every->origin);
        tell_local(local, own);
        for (size_t i = 0; i < net->n_host_ports; i++)
                log_notice("port %u of this host's 127.0.0.1 is lent to the sandbox",
                           net->host_ports[i]);
}

void weaker_tell(const struct plan *p)
{
        if (p->net.mode == PLAN_NETWORK_HOST)
                log_notice("the network is this host's own, with all that listens on it");
        if (p->net.mode == PLAN_NETWORK_FILTERED)
                tell_filtered(&p->net);
        if (p->confine.may_nest_userns)
                log_notice(
                        "user namespaces are allowed inside, which can undo what is protected in "
                        "writable directories");
        syscalls_tell_weaker(p, tell_weaker_calls, (void *)p->confine.filter);
}
