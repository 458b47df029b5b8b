#include "apply.h"

#include "parse.h"
#include "str.h"

#include <errno.h>
#include <string.h>

/*
 * Limits on the sandbox as a whole.  Who enforces one is not the plan's to know: it is found on the
 * host, before the launch (limit-tier.h).
 */

/* With less the launch itself would be what is ended; docker run has the same. */
#define MIN_MEMORY ((uint64_t)6 << 20)

/* PID_MAX_LIMIT of the kernel: there are never more. */
#define MAX_PROCESSES 4194304

/* A hundredth is the least that the kernel takes: a millisecond in a tenth of a second. */
#define MIN_CPUS_MILLI 10
#define MAX_CPUS       8192

static bool is_unlimited(const char *text)
{
        return str_eq(text, "unlimited") || str_eq(text, "-1");
}

int apply_memory(struct assembly *a, const struct setting *s, struct err *e)
{
        uint64_t bytes = 0;

        if (!is_unlimited(s->value)) {
                if (parse_size(s->value, &bytes, e) < 0)
                        return -e->code;
                if (bytes < MIN_MEMORY) {
                        err_set(e, EINVAL, "'%s' is too little memory for any command", s->value);
                        return err_hint(e, "6m is the least; sizes have a unit, like 512m or 2g");
                }
        }
        a->plan->limits.memory = bytes;
        return 0;
}

/* "2", "1.5", "0.25": at most three decimals, which is what a cgroup can tell apart. */
static int parse_thousandths(const char *text, uint64_t *ret, struct err *e)
{
        size_t whole = strspn(text, "0123456789");
        const char *rest = text + whole;
        size_t n = rest[0] == '.' ? strspn(rest + 1, "0123456789") : 0;
        uint64_t value = 0;

        if (whole == 0 || whole > 5 || n > 3 ||
            (rest[0] != '\0' && (n == 0 || rest[1 + n] != '\0')))
                return err_set(e, EINVAL, "'%s' is not a number of processors", text);
        for (size_t i = 0; i < whole; i++)
                value = 10 * value + (uint64_t)(text[i] - '0');
        for (size_t i = 0; i < 3; i++)
                value = 10 * value + (i < n ? (uint64_t)(rest[1 + i] - '0') : 0);
        *ret = value;
        return 0;
}

int apply_cpus(struct assembly *a, const struct setting *s, struct err *e)
{
        uint64_t milli = 0;

        if (!is_unlimited(s->value)) {
                if (parse_thousandths(s->value, &milli, e) < 0)
                        return err_hint(e, "like 2, 1.5 or 0.25");
                if (milli < MIN_CPUS_MILLI || milli > (uint64_t)MAX_CPUS * 1000) {
                        err_set(e, ERANGE, "'%s' processors cannot be given", s->value);
                        return err_hint(e, "from 0.01 to %d", MAX_CPUS);
                }
        }
        a->plan->limits.cpus_milli = milli;
        return 0;
}

int apply_processes(struct assembly *a, const struct setting *s, struct err *e)
{
        uint64_t n = 0;

        if (!is_unlimited(s->value) && parse_number(s->value, 1, MAX_PROCESSES, &n, e) < 0)
                return -e->code;
        a->plan->limits.processes = n;
        return 0;
}

int apply_limits_mode(struct assembly *a, const struct setting *s, struct err *e)
{
        if (!str_eq(s->value, "strict") && !str_eq(s->value, "best-effort")) {
                err_set(e, EINVAL, "'%s' is not a way to take limits", s->value);
                return err_hint(e, "strict and best-effort are known");
        }
        a->plan->limits.is_best_effort = str_eq(s->value, "best-effort");
        return 0;
}

static bool has_looser_rlimit(const struct plan_limits *old, const struct plan_limits *now)
{
        for (size_t i = 0; i < old->n_rlimits; i++) {
                for (size_t j = 0; j < now->n_rlimits; j++) {
                        if (old->rlimits[i].resource == now->rlimits[j].resource &&
                            (now->rlimits[j].soft > old->rlimits[i].soft ||
                             now->rlimits[j].hard > old->rlimits[i].hard))
                                return true;
                }
        }
        return false;
}

/* 0 stands for no limit. */
static bool is_more(uint64_t old, uint64_t now)
{
        return old != 0 && (now == 0 || now > old);
}

bool limits_are_looser(const struct plan_limits *old, const struct plan_limits *now)
{
        return has_looser_rlimit(old, now) || is_more(old->timeout_ns, now->timeout_ns) ||
               is_more(old->memory, now->memory) || is_more(old->cpus_milli, now->cpus_milli) ||
               is_more(old->processes, now->processes);
}
