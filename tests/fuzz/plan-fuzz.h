#ifndef KELP_TEST_PLAN_FUZZ_H
#define KELP_TEST_PLAN_FUZZ_H

#include "fuzz.h"
#include "plan-made.h"

/* What the fuzzers of the plan share: each makes a plan of any bytes and has it judged here. */

/*
 * Aborts unless the plan is whole: either there is a problem, and each can be told in one line with
 * a hint, or there is none, and everything in the plan is as plan.h says.
 */
void fuzz_judge(const struct made *m);

/* Aborts, and says what does not hold. */
void fuzz_must(bool holds, const char *what);

#endif
