#ifndef KELP_LIFE_RUN_HINT_H
#define KELP_LIFE_RUN_HINT_H

#include "err.h"
#include "plan.h"

/*
 * The hint of a failed run whose reason is in what was asked, and not in the machine: a command that
 * was not found, an image that is none.  An error that has a hint stays as it is.
 */
void run_hint(const struct plan *p, struct err *e);

#endif
