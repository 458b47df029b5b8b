#ifndef KELP_LIFE_EXPLAIN_CALL_H
#define KELP_LIFE_EXPLAIN_CALL_H

#include "observe-event.h"
#include "plan.h"
#include "why.h"

/*
 * What would allow a system call or a socket that the policy refused: *ret is "allowed", with nothing
 * suggested, where no line does.
 */
void explain_call(const struct plan *p, const struct observe_event *event, struct why *ret);

#endif
