#ifndef KELP_LIFE_FILTERED_LINK_H
#define KELP_LIFE_FILTERED_LINK_H

#include "plan.h"

/* The wire of a filtered network, and what each of its ends goes by: see filtered-make.c. */

/* Whether a rule names an IPv6 address: made-up addresses are IPv4 ones, and do without. */
bool filtered_has_ipv6(const struct plan_net *net);

/* In the gateway: the pair, of which one end is at once in `netns`. */
int filtered_link_make(int netns, struct err *e);

/* In the gateway, and in the sandbox: addresses and routes. */
int filtered_link_set_gateway(const struct plan_net *net, struct err *e);
int filtered_link_set_sandbox(const struct plan_net *net, struct err *e);

#endif
