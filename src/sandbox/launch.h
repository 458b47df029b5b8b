#ifndef KELP_SANDBOX_LAUNCH_H
#define KELP_SANDBOX_LAUNCH_H

#include "plan.h"
#include "run.h"
#include "tree.h"
#include "userns.h"

struct sock_fprog;

/* All that a launch takes in; it owns none of it. */
struct launch {
        const struct plan *plan;
        const struct tree *tree;
        const struct id_maps *maps;
        const struct sock_fprog *filter;
};

/*
 * Clones the stage into a new user namespace, writes its maps, and waits until pid 1 of the
 * sandbox exists.  From then on pid 1 builds by itself; launch_await_ready() waits for that and
 * takes the descriptors that come with it.  On failure e->step names the step.
 */
int launch_start(const struct launch *l, struct run *ret, struct err *e);

/* Waits until the root is built and pid 1 confined; takes the pty's master if there is one. */
int launch_await_ready(const struct plan *p, struct run *r, struct err *e);

/* Gives the word to start the payload and waits until it runs. */
int launch_go(struct run *r, struct err *e);

/* Whether the payload will have a terminal of its own, and for which of the standard streams. */
unsigned launch_pty_streams(const struct plan *p);

#endif
