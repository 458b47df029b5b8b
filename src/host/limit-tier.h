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
 * Where there is none, a systemd of the user's own may give one: a scope, that it is asked for.
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
        LIMIT_SCOPE,   /* the same, in a scope that the user's systemd is asked for */
        LIMIT_SAMPLED, /* rlimits of the kernel, and looks of the supervisor */
        LIMIT_TIER_COUNT,
};

struct limit_tiers {
        enum limit_tier memory;
        enum limit_tier cpus;
        enum limit_tier processes;
        struct cgroup_place place;
        unsigned controllers; /* that the sandbox's cgroup needs; 0: it has none */
        bool needs_scope; /* `place` is to be found in a scope, which nobody has asked for yet */
        pid_t companion;  /* as of cgroup_find_place() */
};

/*
 * Finds out who enforces what the plan asks for.  What nobody does is an error with the way to get
 * it, or with --limits best-effort left as it is, for limit_tiers_tell().  Looks at nothing when no
 * such limit is asked for, and asks nobody: see life/scope.h.
 */
int limit_tiers_choose(const struct plan_limits *limits, pid_t companion, struct limit_tiers *ret,
                       struct err *e);

/*
 * This process is said to be in a scope named `unit`, whose cgroup is `path` below the place where
 * they are mounted.  Looks whether that is so and the cgroup is ours to divide; it is the place then.
 */
int limit_tiers_enter_scope(struct limit_tiers *tiers, const char *unit, const char *path,
                            struct err *e);

/*
 * There is no scope, which is `why`: chooses again without.  Where that leaves a limit that nobody
 * enforces it is the error; where looks from outside do instead, *ret_is_weaker says so.
 */
int limit_tiers_do_without(const struct plan_limits *limits, const struct err *why,
                           struct limit_tiers *tiers, bool *ret_is_weaker, struct err *e);

/* Says of each limit that is not enforced that it is not. */
void limit_tiers_tell(const struct limit_tiers *tiers);

/* Whether a cgroup of the sandbox's own does. */
bool limit_is_by_cgroup(enum limit_tier tier);

/* Whether the supervisor has to look at the sandbox's processes from time to time. */
bool limit_tiers_sample(const struct limit_tiers *tiers);

/* "cgroup", "scope", "looks" or "rlimit", "nothing"; NULL for what is not asked. */
const char *limit_memory_name(enum limit_tier tier);
const char *limit_cpus_name(enum limit_tier tier);
const char *limit_processes_name(enum limit_tier tier);

/* "by ..." in words, for --dry-run; NULL for what is not asked. */
const char *limit_memory_words(enum limit_tier tier);
const char *limit_cpus_words(enum limit_tier tier);
const char *limit_processes_words(enum limit_tier tier);

#endif
