#include "limit-tier.h"

#include "log.h"
#include "probes.h"
#include "view.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static const char *const memory_words[] = {
        [LIMIT_NOT_ASKED] = NULL,
        [LIMIT_NOWHERE] = "enforced by nothing here",
        [LIMIT_CGROUP] = "by a cgroup of its own",
        [LIMIT_SAMPLED] = "by looks of kelp from outside, between which it can have more",
};

static const char *const cpus_words[] = {
        [LIMIT_NOT_ASKED] = NULL,
        [LIMIT_NOWHERE] = "enforced by nothing here",
        [LIMIT_CGROUP] = "by a cgroup of its own",
        [LIMIT_SAMPLED] = NULL,
};

static const char *const processes_words[] = {
        [LIMIT_NOT_ASKED] = NULL,
        [LIMIT_NOWHERE] = "enforced by nothing here",
        [LIMIT_CGROUP] = "by a cgroup of its own",
        [LIMIT_SAMPLED] = "by RLIMIT_NPROC in its own user namespace",
};

static_assert(sizeof(memory_words) / sizeof(memory_words[0]) == LIMIT_TIER_COUNT &&
                      sizeof(cpus_words) / sizeof(cpus_words[0]) == LIMIT_TIER_COUNT &&
                      sizeof(processes_words) / sizeof(processes_words[0]) == LIMIT_TIER_COUNT,
              "words for every tier");

const char *limit_memory_words(enum limit_tier tier)
{
        return memory_words[tier];
}

const char *limit_cpus_words(enum limit_tier tier)
{
        return cpus_words[tier];
}

const char *limit_processes_words(enum limit_tier tier)
{
        return processes_words[tier];
}

bool limit_tiers_sample(const struct limit_tiers *tiers)
{
        return tiers->memory == LIMIT_SAMPLED || tiers->processes == LIMIT_SAMPLED;
}

/* Who does, where `controller` is one that a cgroup of the sandbox's can have; else `other`. */
static enum limit_tier choose(struct limit_tiers *tiers, uint64_t limit, unsigned controller,
                              enum limit_tier other)
{
        if (limit == 0)
                return LIMIT_NOT_ASKED;
        if (!(tiers->place.controllers & controller))
                return other;
        tiers->controllers |= controller;
        return LIMIT_CGROUP;
}

static int refuse_cpus(const struct host_view *v, struct err *e)
{
        struct host_fact fact = { .state = HOST_OK };

        host_probe_cgroup(v, &fact);
        err_set(e, ENOTSUP, "a limit on processors needs a cgroup: %s", fact.cause.why);
        /* the first line stands alone, and without the remark behind it */
        return err_hint(e, "%.*s; or go without: --limits best-effort",
                        (int)strcspn(fact.cause.fix, "\n"), fact.cause.fix);
}

int limit_tiers_choose(const struct plan_limits *limits, struct limit_tiers *ret, struct err *e)
{
        struct host_view v;

        *ret = (struct limit_tiers){ .controllers = 0 };
        if (limits->memory == 0 && limits->cpus_milli == 0 && limits->processes == 0)
                return 0;
        if (host_view_open(&v, "/", e) < 0)
                return -e->code;
        cgroup_find_place(&v, &ret->place);
        ret->memory = choose(ret, limits->memory, CGROUP_MEMORY, LIMIT_SAMPLED);
        ret->cpus = choose(ret, limits->cpus_milli, CGROUP_CPU, LIMIT_NOWHERE);
        ret->processes = choose(ret, limits->processes, CGROUP_PIDS, LIMIT_SAMPLED);
        int code = 0;
        if (ret->cpus == LIMIT_NOWHERE && !limits->is_best_effort)
                code = refuse_cpus(&v, e);
        host_view_done(&v);
        return code;
}

void limit_tiers_tell(const struct limit_tiers *tiers)
{
        if (tiers->cpus == LIMIT_NOWHERE)
                log_notice("nothing here enforces the limit on processors, ignoring");
}
