#include "limit-tier.h"

#include "helpers.h"
#include "log.h"
#include "probes.h"
#include "str.h"
#include "view.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct tier_words {
        const char *name;  /* for programs */
        const char *words; /* for people */
};

static const struct tier_words tiers_words[] = {
        [LIMIT_NOT_ASKED] = { NULL, NULL },
        [LIMIT_NOWHERE] = { "nothing", "enforced by nothing here" },
        [LIMIT_CGROUP] = { "cgroup", "by a cgroup of its own" },
        [LIMIT_SCOPE] = { "scope",
                          "by a cgroup of its own, in a scope that your systemd is asked for" },
        /* which is not the same for all of them */
        [LIMIT_SAMPLED] = { NULL, NULL },
};

static_assert(sizeof(tiers_words) / sizeof(tiers_words[0]) == LIMIT_TIER_COUNT,
              "words for every tier");

static const struct tier_words sampled_memory = {
        "looks", "by looks of kelp from outside, between which it can have more"
};

static const struct tier_words sampled_processes = { "rlimit",
                                                     "by RLIMIT_NPROC in its own user namespace" };

static const struct tier_words *words_of_memory(enum limit_tier tier)
{
        return tier == LIMIT_SAMPLED ? &sampled_memory : &tiers_words[tier];
}

static const struct tier_words *words_of_processes(enum limit_tier tier)
{
        return tier == LIMIT_SAMPLED ? &sampled_processes : &tiers_words[tier];
}

const char *limit_memory_name(enum limit_tier tier)
{
        return words_of_memory(tier)->name;
}

const char *limit_memory_words(enum limit_tier tier)
{
        return words_of_memory(tier)->words;
}

const char *limit_cpus_name(enum limit_tier tier)
{
        return tiers_words[tier].name;
}

const char *limit_cpus_words(enum limit_tier tier)
{
        return tiers_words[tier].words;
}

const char *limit_processes_name(enum limit_tier tier)
{
        return words_of_processes(tier)->name;
}

const char *limit_processes_words(enum limit_tier tier)
{
        return words_of_processes(tier)->words;
}

bool limit_is_by_cgroup(enum limit_tier tier)
{
        return tier == LIMIT_CGROUP || tier == LIMIT_SCOPE;
}

bool limit_tiers_sample(const struct limit_tiers *tiers)
{
        return tiers->memory == LIMIT_SAMPLED || tiers->processes == LIMIT_SAMPLED;
}

static unsigned get_wanted(const struct plan_limits *limits)
{
        return (limits->memory ? CGROUP_MEMORY : 0) | (limits->cpus_milli ? CGROUP_CPU : 0) |
               (limits->processes ? CGROUP_PIDS : 0);
}

/* Who does, where `controller` is one that a cgroup of the sandbox's can have; else `other`. */
static enum limit_tier choose(const struct limit_tiers *tiers, unsigned wanted, unsigned controller,
                              enum limit_tier other)
{
        if (!(wanted & controller))
                return LIMIT_NOT_ASKED;
        if (!(tiers->controllers & controller))
                return other;
        return tiers->needs_scope ? LIMIT_SCOPE : LIMIT_CGROUP;
}

/* What a scope would have, where one can be asked for. */
static unsigned get_scope_controllers(const struct host_view *v)
{
        char path[PATH_MAX];

        return host_find_helper(v->exe, "kelp-scope", path, sizeof(path))
                       ? cgroup_get_manager_controllers(v)
                       : 0;
}

static void choose_all(const struct host_view *v, const struct plan_limits *limits, bool may_ask,
                       struct limit_tiers *ret)
{
        unsigned wanted = get_wanted(limits);
        unsigned by_scope = 0;

        cgroup_find_place(v, ret->companion, &ret->place);
        ret->controllers = ret->place.controllers & wanted;
        if (may_ask && ret->controllers != wanted)
                by_scope = get_scope_controllers(v) & wanted;
        /* not in the place of one that has what the scope has not */
        if ((by_scope & ~ret->controllers) != 0 && (ret->controllers & ~by_scope) == 0) {
                ret->place = (struct cgroup_place){ .dir = "" };
                ret->controllers = by_scope;
                ret->needs_scope = true;
        }
        ret->memory = choose(ret, wanted, CGROUP_MEMORY, LIMIT_SAMPLED);
        ret->cpus = choose(ret, wanted, CGROUP_CPU, LIMIT_NOWHERE);
        ret->processes = choose(ret, wanted, CGROUP_PIDS, LIMIT_SAMPLED);
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

int limit_tiers_choose(const struct plan_limits *limits, pid_t companion, struct limit_tiers *ret,
                       struct err *e)
{
        struct host_view v;
        int code = 0;

        *ret = (struct limit_tiers){ .companion = companion };
        if (get_wanted(limits) == 0)
                return 0;
        if (host_view_open(&v, "/", e) < 0)
                return -e->code;
        choose_all(&v, limits, true, ret);
        if (ret->cpus == LIMIT_NOWHERE && !limits->is_best_effort)
                code = refuse_cpus(&v, e);
        host_view_done(&v);
        return code;
}

static int look_at_scope(const struct host_view *v, const char *unit, const char *path,
                         struct limit_tiers *tiers, struct err *e)
{
        char mount[PATH_MAX / 2];
        char own[PATH_MAX - 64];
        char told[PATH_MAX];
        struct cgroup_place place;

        if (!cgroup_find_mount(v, mount, sizeof(mount)) ||
            !cgroup_find_own(v, mount, own, sizeof(own)))
                return err_set(e, ENOENT, "the cgroup of this process cannot be told");
        int n = snprintf(told, sizeof(told), "%s%s", mount, path);
        if (n < 0 || (size_t)n >= sizeof(told) || !str_eq(told, own) ||
            !str_eq(strrchr(own, '/') + 1, unit))
                return err_set(e, EPROTO, "kelp is not in the scope that your systemd has told of");
        if (!cgroup_find_place(v, 0, &place) || !place.is_own)
                return err_set(e, EPERM, "the scope of your systemd is not kelp's to divide");
        if (tiers->controllers & ~place.controllers)
                return err_set(e, ENOTSUP, "the scope of your systemd has not all controllers");
        tiers->place = place;
        tiers->needs_scope = false;
        return 0;
}

int limit_tiers_enter_scope(struct limit_tiers *tiers, const char *unit, const char *path,
                            struct err *e)
{
        struct host_view v;

        if (host_view_open(&v, "/", e) < 0)
                return -e->code;
        int code = look_at_scope(&v, unit, path, tiers, e);
        host_view_done(&v);
        return code;
}

int limit_tiers_do_without(const struct plan_limits *limits, const struct err *why,
                           struct limit_tiers *tiers, bool *ret_is_weaker, struct err *e)
{
        struct limit_tiers found = { .companion = tiers->companion };
        struct host_view v;

        if (host_view_open(&v, "/", e) < 0)
                return -e->code;
        choose_all(&v, limits, false, &found);
        host_view_done(&v);
        if (found.cpus == LIMIT_NOWHERE && !limits->is_best_effort) {
                const char *hint = err_get_hint(why);

                err_set(e, ENOTSUP, "a limit on processors needs a cgroup: %.*s",
                        err_message_len(why), why->text);
                return err_hint(e, "%s%sgo without: --limits best-effort", hint ? hint : "",
                                hint ? "; or " : "");
        }
        *ret_is_weaker = limit_tiers_sample(&found);
        *tiers = found;
        return 0;
}

void limit_tiers_tell(const struct limit_tiers *tiers)
{
        if (tiers->cpus == LIMIT_NOWHERE)
                log_notice("nothing here enforces the limit on processors, ignoring");
}
