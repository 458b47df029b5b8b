#ifndef KELP_SANDBOX_RLIMITS_H
#define KELP_SANDBOX_RLIMITS_H

#include "plan.h"

/* Sets the plan's resource limits on the calling process, and the ones that every payload has. */
int rlimits_set(const struct plan_limits *limits, struct err *e);

#endif
