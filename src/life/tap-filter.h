#ifndef KELP_LIFE_TAP_FILTER_H
#define KELP_LIFE_TAP_FILTER_H

#include "blocked.h"

#include <linux/filter.h>

/* An entry takes at most 12 instructions, the rest of the program fewer than 30. */
#define TAP_FILTER_MAX (BLOCKED_MAX * 12 + 30)

struct tap_filter {
        struct sock_filter code[TAP_FILTER_MAX];
        size_t n;
};

/*
 * The classic BPF program that the tap runs over each Ethernet frame on its way out of the
 * sandbox: ARP passes; IPv4 and IPv6 pass unless their destination is blocked; neighbour discovery
 * passes whatever its destination; all else is dropped.  With `answers_host`, TCP to an IPv4
 * address of this host passes unless it opens a connection: slirp4netns opens one for a SYN alone.
 *
 * The routes make a refusal quick and clear; this makes it hold, for they can be walked around
 * with a raw socket.  Pure: touches nothing.
 */
void tap_filter_build(struct tap_filter *f, const struct blocked *b, bool answers_host);

#endif
