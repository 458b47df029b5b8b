#ifndef KELP_SANDBOX_RLIMITS_H
#define KELP_SANDBOX_RLIMITS_H

#include "plan.h"

/* Sets the plan's resource limits on the calling process, and the ones that every payload has. */
int rlimits_set(const struct plan_limits *limits, struct err *e);

/*
 * At most `n` processes and threads of our id in our user namespace, or fewer where the limit is
 * lower already.  Not for an id that is the host's root.
 */
int rlimits_set_processes(uint64_t n, struct err *e);

#endif
