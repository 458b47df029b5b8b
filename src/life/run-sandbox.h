#ifndef KELP_LIFE_RUN_SANDBOX_H
#define KELP_LIFE_RUN_SANDBOX_H

#include "image-hold.h"
#include "observe.h"
#include "plan.h"

#include <stdbool.h>

/* Exit statuses of kelp itself, as docker and podman use them. */
enum {
        EXIT_TIMEOUT = 124,
        EXIT_FAILED = 125, /* kelp failed; the payload never ran */
        EXIT_NOT_EXECUTABLE = 126,
        EXIT_NOT_FOUND = 127,
};

struct run_result {
        int exit_code; /* what kelp exits with */
        int signal;    /* that ended the payload; 0: none */
        bool has_run;  /* the payload, or nobody knows */
};

struct detach;
struct review;

/*
 * Runs the plan: prepares, launches, supervises, cleans up.  `hold` comes with the store's lock if
 * the image is from a store, and is for image_hold_done() afterwards.  Returns 0 when the payload ran;
 * otherwise a negative errno, with e->step set and ret->exit_code 125, 126 or 127.  Writes the
 * events of the status stream, if the plan has one.  `review`: of what the run writes, which is ended
 * here if the payload ran; NULL: there is none.  `request`: who wants to know what the payload
 * asks for, see observe.h; NULL: nobody.  `detach`: who waits for its start alone; NULL: it is in
 * the foreground.
 */
int run_sandbox(const struct plan *p, struct image_hold *hold, struct review *review,
                const struct observe_request *request, struct detach *detach,
                struct run_result *ret, struct err *e);

#endif
