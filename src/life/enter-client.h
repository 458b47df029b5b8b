#ifndef KELP_LIFE_ENTER_CLIENT_H
#define KELP_LIFE_ENTER_CLIENT_H

#include "enter-request.h"

/*
 * kelp exec, the user's side of enter.h: has the command started over `sock`, a connection to the
 * supervisor, with the standard streams of this process; passes signals on; copies between the
 * user's terminal and the command's own; and returns when the command has ended.
 *
 * Any terminal among the streams is replaced by one of the sandbox, as `kelp run` does it, but that
 * the command always has its foreground: an input that is a terminal while the output is none is
 * left to others of the pipeline, and the command's is empty.
 *
 * *ret_status is as of waitpid(2).  Errors: ESRCH when the sandbox has ended, EPIPE when that may be
 * so or the joiner was killed; of both e->step is STEP_SUPERVISE when the command had been started.
 * Others as of the step that failed.
 */
int enter_client_run(int sock, const struct enter_request *request, int *ret_status, struct err *e);

#endif
