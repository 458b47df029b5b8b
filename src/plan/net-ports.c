#include "net-ports.h"

#include <sys/socket.h>

void net_ports_of_rules(const struct plan_net *net, int family, struct net_port_set *ret)
{
        *ret = (struct net_port_set){ 0 };
        for (size_t i = 0; i < net->n_rules; i++) {
                const struct net_rule *rule = &net->rules[i];

                if (rule->is_deny)
                        continue;
                if (family != AF_UNSPEC &&
                    (rule->kind != NET_RULE_NETWORK || rule->family != family))
                        continue;
                for (size_t j = 0; j < rule->n_ports; j++) {
                        for (unsigned port = rule->ports[j].first; port <= rule->ports[j].last;
                             port++)
                                ret->bits[port / 64] |= UINT64_C(1) << (port % 64);
                }
        }
}

size_t net_ports_count(const struct net_port_set *set)
{
        size_t n = 0;

        for (size_t i = 0; i < sizeof(set->bits) / sizeof(set->bits[0]); i++)
                n += (size_t)__builtin_popcountll(set->bits[i]);
        return n;
}
