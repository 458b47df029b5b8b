#ifndef KELP_PROXY_PROXY_H
#define KELP_PROXY_PROXY_H

#include "config.h"
#include "flow.h"
#include "journal.h"
#include "loop.h"
#include "names.h"
#include "queue.h"
#include "resolver.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * One proxy serves one sandbox.  Who connects from inside is on a socket of the sandbox's network
 * namespace that was handed out; where to, this process alone finds out and connects to, in its own
 * namespace.  Nothing else crosses: no packet, no descriptor, no answer of another server's DNS.
 */

/* Each connection has two sockets and at most two pipes; a dial has two sockets more for a while. */
#define PROXY_FDS_PER_CONN 6
#define PROXY_MAX_CONNS    4096

struct proxy {
        struct config config;
        struct loop loop;
        struct names *names;       /* NULL: no names are served */
        struct resolver *resolver; /* NULL: the same */
        struct flow_pool pool;
        struct journal journal;
        struct queue asking; /* they have not yet said where to */
        struct queue going;
        struct queue dns;
        size_t max_conns;
        struct watch control;
        struct listener *listeners; /* one for each of the configuration's */
        size_t n_listeners;
};

/* Opens all but the walls.  `control` is borrowed. */
int proxy_make(struct proxy *p, int control, struct err *e);

/* Serves until the control socket ends. */
int proxy_run(struct proxy *p, struct err *e);

void proxy_done(struct proxy *p);

#endif
