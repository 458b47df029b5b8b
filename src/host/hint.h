#ifndef KELP_HOST_HINT_H
#define KELP_HOST_HINT_H

#include "cause.h"
#include "err.h"

/*
 * Gives the error of a failed step of a launch its hint: why this machine refused, and the exact
 * command that changes it.  Called after a failure, never before one: it reads the machine's state
 * and may try calls again in children (some 50 ms).  An error that has a hint, and one whose cause
 * is not known, stay as they are.
 */
void host_hint(struct err *e, enum host_topic topic);

#endif
