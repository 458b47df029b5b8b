#ifndef KELP_PLAN_CHECK_FILTERED_H
#define KELP_PLAN_CHECK_FILTERED_H

#include "plan.h"

/* The part of plan_check() that is about rules of the network. */
void check_filtered(const struct plan *p, struct plan_problems *problems);

#endif
