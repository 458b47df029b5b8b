#ifndef KELP_LIFE_SUPERVISE_H
#define KELP_LIFE_SUPERVISE_H

#include "plan.h"
#include "run.h"

#include <stdbool.h>

enum supervise_reason {
        SUPERVISE_EXIT,
        SUPERVISE_SIGNAL,
        SUPERVISE_TIMEOUT,
};

struct supervise_end {
        int wait_status; /* of the payload, as of waitpid(2) */
        enum supervise_reason reason;
};

/*
 * From STARTED to the end: forwards signals, copies between the user's terminal and the payload's
 * own, follows window sizes and job control, keeps the time limit, and returns when pid 1 and with
 * it every process of the sandbox is gone.  The user's terminal is as it was, on every way out.
 */
int supervise_run(const struct plan *p, struct run *r, struct supervise_end *ret, struct err *e);

#endif
