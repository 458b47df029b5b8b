#ifndef KELP_LIFE_FILTERED_H
#define KELP_LIFE_FILTERED_H

#include "plan.h"
#include "run.h"

/*
 * The filtered network: kelp-proxy, which has the sockets of the sandbox's gateway (filtered-make.c)
 * and connects on the host to what the rules allow; and a second one with a foot in the sandbox when
 * ports are published.  With another network none of these does anything.  Their later death is the
 * supervisor's to see, by the pidfds of r->proxy and r->publisher.
 */

/*
 * Starts them, once r->netns and r->userns are there.  Does not wait until they serve: they come up
 * while pid 1 builds the root.
 */
int filtered_start(const struct plan *p, struct run *r, struct err *e);

/* Waits until they serve and are confined. */
int filtered_await(struct run *r, const struct plan *p, struct err *e);

#endif
