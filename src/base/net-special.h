#ifndef KELP_BASE_NET_SPECIAL_H
#define KELP_BASE_NET_SPECIAL_H

#include "net-rule.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Addresses that are not of the public network: this host, its neighbours, the metadata services of
 * clouds, and IPv6 addresses that are IPv4 ones in disguise.  Sandboxes with `--network user` are
 * kept from those of `is_refused_always`, those with `--network filtered` from all of them.
 */

struct net_special {
        const char *address;
        uint8_t family;
        uint8_t prefix;
        bool is_refused_always; /* by `--network user`, too; false: the local network */
        bool has_route;         /* the kernel has no route of its own there that must stay */
        const char *what;       /* "a loopback address" */
};

/* All of them; *ret_n is how many.  The narrow ones stand before the wide ones around them. */
const struct net_special *net_specials(size_t *ret_n);

/*
 * The first one from number `from` on that has `address` (4 or 16 bytes, by `family`) in it, or
 * NULL.  An IPv4-mapped IPv6 address is one of its own kind, that no rule opens.
 */
const struct net_special *net_special_find(int family, const uint8_t *address, size_t from);

/*
 * Whether it is of 198.18.0.0/15, of which the sandbox's side of a filtered network is made: a rule
 * for it would be one for that.
 */
bool net_special_is_ours(int family, const uint8_t *address);

/*
 * Whether one of `rules` opens a special address to `port`: it allows an address or a network that
 * lies within each of the special ones around it.  0.0.0.0/0 opens none, 10.1.0.0/16 what it says,
 * and a metadata service needs its own address.  Deny rules are not looked at.
 */
bool net_special_is_opened(const struct net_rule *rules, size_t n, int family,
                           const uint8_t *address, uint16_t port);

#endif
