#ifndef KELP_LIFE_RUN_ONCE_H
#define KELP_LIFE_RUN_ONCE_H

#include "launch.h"
#include "run-sandbox.h"

/*
 * One attempt at a run, with these maps, and on this copy of an image where there is one.  `base` has
 * the plan, the maps, and what is held.  As run_sandbox(), but for the end of the status stream and
 * ret->exit_code where it fails.
 */
int run_once(const struct launch *base, struct run_result *ret, struct err *e);

#endif
