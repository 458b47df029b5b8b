#ifndef KELP_LIFE_SAMPLER_H
#define KELP_LIFE_SAMPLER_H

#include "limit-tier.h"
#include "plan.h"
#include "run.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The supervisor's looks at the sandbox's processes, where no cgroup keeps the limits on memory and
 * processes (limit-tier.h); and, wherever processes are limited, for a sandbox that only forks.
 */

enum sample_verdict {
        SAMPLE_WITHIN,
        SAMPLE_MEMORY, /* it has more memory than it may */
        SAMPLE_PIDS,   /* more processes; or it wants more of them, for SAMPLER_FULL_NS */
};

/*
 * A limit on processes makes forks fail, which a command can live with.  One that stands at its
 * limit for so long without a break (of a cgroup: to which more are refused at each look) does
 * nothing but fork: it would never end by itself.
 */
#define SAMPLER_FULL_NS 10000000000u

struct sampler {
        const struct plan_limits *limits;
        const struct limit_tiers *tiers;
        int proc; /* borrowed, as the next one: of struct run */
        int memory_fs;
        const struct cgroup *cgroup;
        int timer;           /* timerfd, for the poll loop; -1: nothing is sampled */
        uint64_t full_since; /* as of io_now(); 0: it is not at its limit of processes */
        uint64_t memory;     /* what was seen last, in bytes */
        uint64_t n_tasks;
        uint64_t n_refused; /* forks, as a cgroup counts them */
};

#define SAMPLER_NONE                                                                               \
        {                                                                                          \
                .proc = -1, .memory_fs = -1, .timer = -1                                           \
        }

/* Makes the timer and lets it go off at once, if the plan has what must be sampled. */
int sampler_start(struct sampler *ret, const struct plan_limits *limits,
                  const struct limit_tiers *tiers, const struct run *r, struct err *e);

/* When the timer has gone off: looks, judges, and sets the timer anew. */
int sampler_look(struct sampler *s, enum sample_verdict *ret, struct err *e);

void sampler_done(struct sampler *s);

#endif
