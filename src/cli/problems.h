#ifndef KELP_CLI_PROBLEMS_H
#define KELP_CLI_PROBLEMS_H

#include "plan.h"

/* Tells of each on standard error. */
void problems_tell(const struct plan_problems *problems);

#endif
