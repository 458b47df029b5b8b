#ifndef KELP_LIFE_SUPERVISE_H
#define KELP_LIFE_SUPERVISE_H

#include "launch.h"
#include "run.h"

#include <signal.h>
#include <stdbool.h>

/* What the payload has between being asked to end and being killed with all of its sandbox. */
#define SUPERVISE_GRACE_NS 2000000000u

/* The longest that `kelp stop` may wait before it kills. */
#define SUPERVISE_MAX_STOP_S 1000000

struct own_box;

enum supervise_reason {
        SUPERVISE_EXIT,
        SUPERVISE_SIGNAL,
        SUPERVISE_TIMEOUT,
        SUPERVISE_MEMORY, /* it had more than it may, as the next one */
        SUPERVISE_PIDS,
};

struct supervise_end {
        int wait_status; /* of the payload, as of waitpid(2) */
        enum supervise_reason reason;
};

/* Those that are to be held: all but the ones that were ignored when we started. */
void supervise_find_signals(sigset_t *ret);

/*
 * Holds back every signal until supervise_run() forwards it.  Call it right before the word that
 * starts the payload: a signal in between must not end the launcher alone.  Signals stay blocked
 * in this process from here on, also after supervise_run().
 */
void supervise_hold_signals(const sigset_t *found);

/*
 * From STARTED to the end: forwards signals, copies between the user's terminal and the payload's
 * own, follows window sizes and job control, keeps the time limit, and returns when pid 1 and with
 * it every process of the sandbox is gone.  The user's terminal is as it was, on every way out, and
 * the payload's output is with the user.
 *
 * Every signal that can be caught is passed on to the payload's process group; SIGTERM as the stop
 * signal of the image.  A SIGTERM that comes SUPERVISE_GRACE_NS or more after the first one kills
 * the sandbox.  So does the time limit: the stop signal first, SIGKILL after the grace.  Limits on
 * memory and processes that are sampled kill at once.
 *
 * When pid 1 was killed there is no status of the payload, which died with it: SIGKILL.
 * When nobody takes the output of its terminal any more, the payload gets SIGHUP.
 *
 * Takes the standard input and output of this process when only the payload uses them: they are
 * /dev/null afterwards.  r->init has been reaped when it returns 0.
 *
 * `box` answers other kelps of the user meanwhile, where the state directory has such a run.
 */
int supervise_run(const struct launch *l, struct run *r, struct own_box *box,
                  struct supervise_end *ret, struct err *e);

#endif
