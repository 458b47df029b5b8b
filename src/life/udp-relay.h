#ifndef KELP_LIFE_UDP_RELAY_H
#define KELP_LIFE_UDP_RELAY_H

#include "plan.h"

#include <netinet/in.h>

/*
 * Published UDP ports.  slirp4netns cannot do these: with --disable-host-loopback it drops every
 * answer to a program of this host, and without it the host's loopback lies open.  So a process
 * with one foot on each side carries them: sockets of the host, bound before it entered the
 * sandbox's network namespace, and one socket inside it for each peer, connected to the service at
 * 127.0.0.1.
 */
struct udp_relay {
        size_t n;
        int socks[PLAN_MAX_PORTS]; /* on the host */
        uint16_t box_ports[PLAN_MAX_PORTS];
};

/* Binds the plan's UDP ports, in the host's network namespace. */
int udp_relay_open(const struct plan *p, struct udp_relay *ret, struct err *e);

/* Closes them; accepts an empty one. */
void udp_relay_done(struct udp_relay *relay);

/*
 * Gives up every capability of the calling process and every descriptor but the relay's, `life` and
 * `report`.  It must be in the sandbox's network namespace already.
 */
int udp_relay_shut_in(const struct udp_relay *relay, int life, int report, struct err *e);

/* Relays until the other end of `life` is closed. */
void udp_relay_run(const struct udp_relay *relay, int life);

#endif
