#ifndef KELP_LIFE_SLIRP_H
#define KELP_LIFE_SLIRP_H

#include "plan.h"
#include "run.h"

/*
 * The user network: slirp4netns, which gives the sandbox a tap and makes of its packets sockets of
 * the host.  Its life hangs on r->slirp_exit: one end of a socketpair, on which it says that it is
 * ready and whose end, however the launcher ends, ends it.  With another network than `user` neither
 * of these does anything.  Its later death is the supervisor's to see, by r->slirp.pidfd.
 */

/*
 * Starts it, once r->netns and r->userns are there, and takes r->api_dir.  Does not wait for it:
 * it comes up while pid 1 builds the root.
 */
int slirp_start(const struct plan *p, struct run *r, struct err *e);

/* Waits until it is up, then publishes the plan's ports.  Its own words are in the error. */
int slirp_await(struct run *r, const struct plan *p, struct err *e);

#endif
