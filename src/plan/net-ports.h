#ifndef KELP_PLAN_NET_PORTS_H
#define KELP_PLAN_NET_PORTS_H

#include "plan.h"

/*
 * The ports that a filtered network listens on: a socket for each, whatever the rules' hosts.  The
 * most that are possible at a time; more would take longer to make than anybody waits, and one
 * socket for all ports is nothing that the kernel has for a user without root on the host.
 */
#define NET_PORTS_MAX 4096

struct net_port_set {
        uint64_t bits[65536 / 64];
};

/* Those of every rule that allows; of networks of that `family` alone, or of all (AF_UNSPEC). */
void net_ports_of_rules(const struct plan_net *net, int family, struct net_port_set *ret);

size_t net_ports_count(const struct net_port_set *set);

static inline bool net_ports_has(const struct net_port_set *set, unsigned port)
{
        return set->bits[port / 64] >> (port % 64) & 1;
}

#endif
