#ifndef KELP_TEST_PLAN_FUZZ_H
#define KELP_TEST_PLAN_FUZZ_H

#include "plan-made.h"

#include <stddef.h>
#include <stdint.h>

/* What the fuzzers of the plan share: each makes a plan of any bytes and has it judged here. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A terminated copy of the input, to be freed. */
char *fuzz_text(const uint8_t *data, size_t size);

/*
 * Aborts unless the plan is whole: either there is a problem, and each can be told in one line with
 * a hint, or there is none, and everything in the plan is as plan.h says.
 */
void fuzz_judge(const struct made *m);

#endif
