#ifndef KELP_PROXY_LISTENER_H
#define KELP_PROXY_LISTENER_H

#include "proxy.h"

/* The sockets of the sandbox's side, each with what is to be done with what comes in. */

struct listener {
        struct watch watch;
        struct timer pause;
        struct proxy *proxy;
        const struct config_listener *config;
};

/* Checks every socket of the configuration and watches it.  The descriptors are the proxy's then. */
int listeners_make(struct proxy *p, struct err *e);
void listeners_done(struct proxy *p);

/* dns-serve.c: a datagram has come, or a connection. */
void dns_serve_datagrams(struct proxy *p, int fd);
void dns_serve_connection(struct proxy *p, int *fd);
void dns_serve_done(struct proxy *p);

#endif
