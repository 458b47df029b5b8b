#ifndef KELP_HOST_LIMIT_TIER_H
#define KELP_HOST_LIMIT_TIER_H

#include "cgroup-place.h"
#include "plan.h"

#include <stdbool.h>

/*
 * Who enforces the limits on a sandbox as a whole: memory, processors, processes.  It is decided
 * once, before the launch; each step of the launch then does what was decided, or fails.
 *
 * A cgroup of the sandbox's own keeps all three (cgroup.h), where there is a place to make it in.
 *
 * Without a cgroup there is no wall around memory.  The supervisor adds up what the processes have,
 * from outside, the more often the nearer they come to the limit, and ends the sandbox that has
 * more: what is taken between two looks goes over it for that long.  The number of processes is
 * kept by the kernel, as RLIMIT_NPROC, which counts within the sandbox's own user namespace, for
 * each of its ids; the supervisor adds these up, too.  Nothing keeps a share of the processors.
 */

enum limit_tier {
        LIMIT_NOT_ASKED,
        LIMIT_NOWHERE, /* best effort: nothing here enforces it */
        LIMIT_CGROUP,
        LIMIT_SAMPLED, /* rlimits of the kernel, and looks of the supervisor */
        LIMIT_TIER_COUNT,
};

struct limit_tiers {
        enum limit_tier memory;
        enum limit_tier cpus;
        enum limit_tier processes;
        struct cgroup_place place;
        unsigned controllers; /* that the sandbox's cgroup needs; 0: it has none */
};

/*
 * Finds out who enforces what the plan asks for.  What nobody does is an error with the way to get
 * it, or with --limits best-effort left as it is, for limit_tiers_tell().  Looks at nothing when no
 * such limit is asked for.
 */
int limit_tiers_choose(const struct plan_limits *limits, struct limit_tiers *ret, struct err *e);

/* Says of each limit that is not enforced that it is not. */
void limit_tiers_tell(const struct limit_tiers *tiers);

/* Whether the supervisor has to look at the sandbox's processes from time to time. */
bool limit_tiers_sample(const struct limit_tiers *tiers);

/* "by ..." in words, for --dry-run; NULL for what is not asked. */
const char *limit_memory_words(enum limit_tier tier);
const char *limit_cpus_words(enum limit_tier tier);
const char *limit_processes_words(enum limit_tier tier);

#endif
