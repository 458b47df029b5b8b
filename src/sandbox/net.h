#ifndef KELP_SANDBOX_NET_H
#define KELP_SANDBOX_NET_H

#include "err.h"

/*
 * What the stage does about a network namespace of ours: loopback is up in each.  The tap of `user`
 * and its routes are made from outside, next to this (life/tap.h), because they depend on what the
 * host's addresses are.
 *
 * Needs CAP_NET_ADMIN over the network namespace of the calling process.
 */
int net_set_loopback_up(struct err *e);

#endif
