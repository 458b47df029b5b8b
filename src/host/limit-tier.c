#include "limit-tier.h"

#include "log.h"
#include "view.h"

#include <assert.h>
#include <errno.h>

static const char *const memory_words[] = {
        [LIMIT_NOT_ASKED] = NULL,
        [LIMIT_NOWHERE] = "enforced by nothing here",
        [LIMIT_SAMPLED] = "by looks of kelp from outside, between which it can have more",
};

static const char *const cpus_words[] = {
        [LIMIT_NOT_ASKED] = NULL,
        [LIMIT_NOWHERE] = "enforced by nothing here",
        [LIMIT_SAMPLED] = NULL,
};

static const char *const processes_words[] = {
        [LIMIT_NOT_ASKED] = NULL,
        [LIMIT_NOWHERE] = "enforced by nothing here",
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

int limit_tiers_choose(const struct plan_limits *limits, struct limit_tiers *ret, struct err *e)
{
        struct limit_tiers tiers = { LIMIT_NOT_ASKED, LIMIT_NOT_ASKED, LIMIT_NOT_ASKED };

        if (limits->memory > 0)
                tiers.memory = LIMIT_SAMPLED;
        if (limits->processes > 0)
                tiers.processes = LIMIT_SAMPLED;
        if (limits->cpus_milli > 0)
                tiers.cpus = LIMIT_NOWHERE;
        if (tiers.cpus == LIMIT_NOWHERE && !limits->is_best_effort) {
                err_set(e, ENOTSUP,
                        "a limit on processors needs a cgroup of version 2, which is not supported yet");
                return err_hint(e,
                                "--limits best-effort runs without it; `--ulimit cpu=SECONDS` and "
                                "--timeout are kept everywhere");
        }
        *ret = tiers;
        return 0;
}

void limit_tiers_tell(const struct limit_tiers *tiers)
{
        if (tiers->cpus == LIMIT_NOWHERE)
                log_notice("nothing here enforces the limit on processors, ignoring");
}
