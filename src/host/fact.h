#ifndef KELP_HOST_FACT_H
#define KELP_HOST_FACT_H

#include "view.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * What this machine can do, one fact a subject, each found by trying it in a child where it can
 * be tried.  `what` says what the state means for a sandbox; `cause` says why and what to do, and
 * is empty when there is nothing to do.
 */

enum host_state {
        HOST_OK,
        HOST_WEAKER,  /* kelp works, with less */
        HOST_MISSING, /* what `what` names cannot be had */
};

/* Why something does not work here, and the command that changes it. */
struct host_cause {
        char why[320];
        char fix[640]; /* lines; the first one is the best, and has to stand alone */
};

struct host_fact {
        enum host_state state;
        char what[200];
        struct host_cause cause;
};

struct host_probe {
        const char *name;
        bool is_needed; /* without it there is no `kelp run` */
        void (*run)(const struct host_view *v, struct host_fact *ret);
};

/* Every subject, in the order in which they are told. */
extern const struct host_probe host_probes[];
extern const size_t host_n_probes;

/* "ok", "weaker", "missing" */
const char *host_state_name(enum host_state state);

void host_fact_set(struct host_fact *fact, enum host_state state, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
void host_cause_why(struct host_cause *cause, const char *fmt, ...)
        __attribute__((format(printf, 2, 3)));

/* Adds a line to the fix. */
void host_cause_fix(struct host_cause *cause, const char *fmt, ...)
        __attribute__((format(printf, 2, 3)));

#endif
