#ifndef KELP_LIFE_BLOCKED_H
#define KELP_LIFE_BLOCKED_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What a sandbox must not reach through the host's network: the host itself under any of its
 * addresses, link-local and metadata services, multicast.  slirp4netns connects from the host, so
 * --disable-host-loopback alone leaves open every service that listens on the host's own address
 * in the local network.
 */

#define BLOCKED_MAX 256

struct blocked_net {
        int family; /* AF_INET, AF_INET6 */
        uint8_t prefix;
        bool is_host;   /* an address of this host */
        bool has_route; /* refused by a route too; false where the kernel's own routes must stay */
        uint8_t address[16];
        char name[52]; /* "169.254.0.0/16" */
};

struct blocked {
        struct blocked_net nets[BLOCKED_MAX];
        size_t n;
};

/* The fixed list and every address that the host has now. */
int blocked_collect(struct blocked *b, struct err *e);

/* The entry that covers the binary `address`, or NULL. */
const struct blocked_net *blocked_find(const struct blocked *b, int family, const void *address);

#endif
