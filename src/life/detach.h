#ifndef KELP_LIFE_DETACH_H
#define KELP_LIFE_DETACH_H

#include "capture.h"
#include "run-sandbox.h"
#include "state.h"

/*
 * A run that goes on without the command line that has started it: a process of its own supervises
 * it, in a session of its own, with nothing of the caller's but what the plan passes on.  The caller
 * waits until the payload runs, or is told why it does not.
 */
struct detach {
        int report; /* to the one who waits; -1: told */
        struct capture *capture;
};

/*
 * As run_sandbox(), but returns when the payload runs: then `id` is the sandbox's, and the caller is
 * to end.
 */
int detach_run(const struct plan *p, struct image_hold *hold, struct review *review,
               struct run_result *ret, char id[BOX_ID_SIZE], struct err *e);

/* In the supervisor: the payload runs.  From here on kelp's own messages go to the log. */
int detach_tell_started(struct detach *d, const char *id, struct err *e);

#endif
