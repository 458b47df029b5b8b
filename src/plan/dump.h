#ifndef KELP_PLAN_DUMP_H
#define KELP_PLAN_DUMP_H

#include "plan.h"
#include "tree.h"

#include <stdio.h>

/* What the plan does not tell by itself. */
struct dump_facts {
        bool has_one_id;       /* in an image, as far as this can be known before the run */
        size_t n_instructions; /* of the seccomp filter; 0: not known */
        /* who enforces these, in words; where the limit is not asked for they are not read */
        const char *memory_words;
        const char *cpus_words;
        const char *processes_words;
};

/*
 * Prints everything that a run would be, for --dry-run: one aligned line a subject, then the
 * mounts in their order.  The names of variables are shown, their values are not.  All text is
 * escaped.  Returns 0, or -EIO when `out` did not take it all.
 */
int dump_plan(FILE *out, const struct plan *p, const struct tree *t, const struct dump_facts *f);

#endif
