#ifndef KELP_LIFE_END_WORDS_H
#define KELP_LIFE_END_WORDS_H

#include "plan.h"
#include "supervise.h"

/* "exit", "memory", ...: as the status stream and the state directory have it. */
const char *end_reason_name(enum supervise_reason reason);

/* Says which limit ended the run; why a command ended by itself is its own to say. */
void end_tell_limit(const struct plan_limits *limits, enum supervise_reason reason);

#endif
