#ifndef KELP_LIFE_OBSERVE_SERVE_H
#define KELP_LIFE_OBSERVE_SERVE_H

#include "observe.h"

/* What comes first of the report: then as many messages with an event each. */
struct observe_report {
        uint64_t n_events;
        uint64_t n_dropped;
        uint64_t n_unreadable;
};

/* Descriptors of the observer. */
struct observe_ends {
        int sock; /* of the conversation with the launcher */
        int launcher_pidfd;
        int hosts; /* of kelp-proxy's verdicts; -1: there are none */
};

/*
 * The observer's process: confines itself, sends a struct err (whose code is 0 when that worked),
 * takes the listener from `o->near`, answers until the launcher shuts its side of `sock`, and reports
 * there.
 */
_Noreturn void observe_serve(struct observe *o, const struct observe_ends *ends,
                             const struct plan *p, const struct tree *t);

#endif
