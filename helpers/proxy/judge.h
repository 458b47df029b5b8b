#ifndef KELP_PROXY_JUDGE_H
#define KELP_PROXY_JUDGE_H

#include "address.h"
#include "net-rule.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What the rules say.  A name is judged when it is looked up (port 0) and when it is connected to;
 * then each address that it has got, right before that very address is connected to.  A name that
 * is allowed leads to any address of the public network, to one that is not (net-special.h) only
 * where a rule opens that address itself: who owns a name must not choose one of this host's.
 */

struct verdict {
        bool is_allowed;
        char reason[224]; /* "by RULE"; why not, and what would allow it */
};

struct verdict judge_name(const struct net_rule *rules, size_t n, const char *name, uint16_t port);

/*
 * `is_named`: a name that is allowed has led there.  `is_own`: it is an address of this host, which
 * its own rule alone opens.
 */
struct verdict judge_address(const struct net_rule *rules, size_t n, const struct address *a,
                             uint16_t port, bool is_named, bool is_own);

#endif
