#ifndef KELP_LIFE_EXPLAIN_ALLOW_H
#define KELP_LIFE_EXPLAIN_ALLOW_H

#include "observe-event.h"
#include "plan.h"
#include "tree.h"
#include "why.h"

/* What would allow what was refused; "" where nothing does. */
struct explain_allow {
        char option[WHY_MAX_TEXT];  /* "--readable ~/.npmrc" */
        char line[WHY_MAX_TEXT];    /* "[files] readable = ~/.npmrc" */
        char behind[WHY_MAX_TEXT];  /* the file that a policy with it has to come behind; "": any */
        char comment[WHY_MAX_TEXT]; /* what else there is to do */
};

void explain_allow(const struct plan *p, const struct tree *t, const struct observe_event *event,
                   struct explain_allow *ret);

#endif
