#ifndef KELP_LIFE_STAND_IN_H
#define KELP_LIFE_STAND_IN_H

#include "err.h"
#include "proc.h"

struct supervisor;

/*
 * Who keeps the limits while kelp is stopped, as a job of the user's shell: a copy of the supervisor
 * that looks as it would, and continues it when there is something to do.  It ends with kelp.
 */

/* None is made, and *ret is CHILD_NONE, where the supervisor has no limits of its own to keep. */
int stand_in_start(struct child *ret, struct supervisor *s, struct err *e);

#endif
