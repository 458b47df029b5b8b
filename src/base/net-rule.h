#ifndef KELP_BASE_NET_RULE_H
#define KELP_BASE_NET_RULE_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Rules of the filtered network, as --allow and [network] allow and deny have them:
 *
 *      HOST            the host of that name, by the ports of the web: 80 and 443
 *      *.HOST          every name below HOST, not HOST itself
 *      *               every name
 *      ADDRESS         an IPv4 or IPv6 address, [ADDRESS] where a port follows an IPv6 one
 *      ADDRESS/BITS    a network
 *      ...:PORT        that port alone; ...:PORT-PORT: a range; ...:* any port
 *
 * A deny without a port means every port.  What no rule allows is refused; deny beats allow,
 * whatever their order.  Launcher and proxy read and judge by this code alone.
 */

#define NET_RULE_MAX_NAME  253 /* RFC 1035, as text and without the last dot */
#define NET_RULE_MAX_PORTS 2

enum net_rule_kind {
        NET_RULE_NAME,    /* `name` itself */
        NET_RULE_BELOW,   /* every name below `name`; "": every name */
        NET_RULE_NETWORK, /* addresses: `family`, `address`, `prefix` */
};

struct net_ports {
        uint16_t first;
        uint16_t last;
};

struct net_rule {
        enum net_rule_kind kind;
        bool is_deny;
        uint8_t family; /* AF_INET, AF_INET6 */
        uint8_t prefix; /* bits */
        uint8_t n_ports;
        uint8_t address[16]; /* in network order; its bits behind the prefix are 0 */
        struct net_ports ports[NET_RULE_MAX_PORTS];
        const char *name;   /* lower case, without a last dot */
        const char *text;   /* as it was written */
        const char *origin; /* for messages: "option --allow", "agent.policy:12" */
};

/*
 * Reads `text` into *ret.  `buffer` has room for strlen(text) + 1 bytes, and lives as long as the
 * rule, as `text` does; `origin` is left to the caller.  Errors: EINVAL, with a hint where one
 * helps.
 */
int net_rule_parse(const char *text, bool is_deny, char *buffer, struct net_rule *ret,
                   struct err *e);

/*
 * Whether `name` is one that can be asked for: LDH labels (and '_'), lower case, at most 253 bytes,
 * no last dot, and not the text of an address in any spelling that inet_aton(3) takes.
 */
bool net_rule_is_name(const char *name);

/* A port of 0 stands for "any port of the rule". */
bool net_rule_has_port(const struct net_rule *rule, uint16_t port);

/* `address` has 4 or 16 bytes by `family`; an IPv4-mapped IPv6 one is judged as the IPv4 one. */
bool net_rule_matches_address(const struct net_rule *rule, int family, const uint8_t *address,
                              uint16_t port);

/*
 * The rule that decides: one that denies before one that allows, else the first that allows; NULL:
 * nothing allows it.  For port 0 a deny decides only if it is of every port.  `name` is lower case
 * without a last dot.
 */
const struct net_rule *net_rules_find_name(const struct net_rule *rules, size_t n, const char *name,
                                           uint16_t port);
const struct net_rule *net_rules_find_address(const struct net_rule *rules, size_t n, int family,
                                              const uint8_t *address, uint16_t port);

/* Whether the first `bits` of two addresses of one family are the same. */
bool net_rule_has_same_start(const uint8_t *a, const uint8_t *b, unsigned bits);

#endif
