#ifndef KELP_LIFE_FILTERED_MAKE_H
#define KELP_LIFE_FILTERED_MAKE_H

#include "plan.h"

/* What a socket of the sandbox's side is for; the proxy's own word for it. */
enum filtered_socket {
        FILTERED_LISTEN,
        FILTERED_DNS_UDP,
        FILTERED_DNS_TCP,
        FILTERED_CONNECT,
        FILTERED_SOCKS,
        FILTERED_FORWARD, /* a port of the host that is lent: `port` says which */
        FILTERED_DONE,    /* no socket: that was all of them */
        FILTERED_FAILED,  /* no socket: `err` says why */
};

struct filtered_message {
        enum filtered_socket what;
        uint16_t port;
        struct err err;
};

/*
 * Makes the sandbox's side of the network and sends its sockets over `sock`, as messages with one
 * descriptor or more; DONE or FAILED is the last.  For a process of its own: it is in other
 * namespaces afterwards.
 */
void filtered_make(const struct plan_net *net, int userns, int netns, int sock);

#endif
