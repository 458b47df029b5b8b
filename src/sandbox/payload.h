#ifndef KELP_SANDBOX_PAYLOAD_H
#define KELP_SANDBOX_PAYLOAD_H

#include "box.h"

/*
 * Forks the payload, lets it confine itself and exec, and says STARTED once exec has worked.  Pid 1
 * gives up what it has left.  Returns the payload's pid; on failure a negative errno with the step
 * in which it happened.
 */
pid_t payload_start(struct box *b, struct err *e);

#endif
