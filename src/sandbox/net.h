#ifndef KELP_SANDBOX_NET_H
#define KELP_SANDBOX_NET_H

#include "plan.h"

/*
 * What pid 1 does about the network: loopback is up in every network namespace of ours; with the
 * host's network there is nothing to do.  The tap of `user` and its routes are made from outside,
 * next to this (life/tap.h), because they depend on what the host's addresses are.
 *
 * Needs CAP_NET_ADMIN over the network namespace of the calling process.
 */
int net_setup_box(const struct plan *p, struct err *e);

#endif
