#include "apply.h"

#include "caps.h"
#include "parse.h"
#include "str.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

/* What the process may do and how much of it: ids, capabilities, limits. */

int apply_userns(struct assembly *a, const struct setting *s, struct err *e)
{
        static const char *const names[] = {
                [PLAN_USERNS_AUTO] = "auto",
                [PLAN_USERNS_SINGLE] = "single",
                [PLAN_USERNS_SUBIDS] = "subids",
                NULL,
        };

        for (size_t i = 0; names[i]; i++) {
                if (str_eq(s->value, names[i])) {
                        a->plan->ids.mode = (enum plan_userns)i;
                        return 0;
                }
        }
        err_set(e, EINVAL, "unknown id mapping '%s'", s->value);
        return err_hint(e, "auto, single and subids are known");
}

int apply_fake_root(struct assembly *a, const struct setting *s, struct err *e)
{
        static const char *const names[] = {
                [PLAN_FAKE_ROOT_AUTO] = "auto",
                [PLAN_FAKE_ROOT_ON] = "on",
                [PLAN_FAKE_ROOT_OFF] = "off",
                NULL,
        };

        for (size_t i = 0; names[i]; i++) {
                if (str_eq(s->value, names[i])) {
                        a->plan->ids.fake_root = (enum plan_fake_root)i;
                        return 0;
                }
        }
        err_set(e, EINVAL, "'%s' is not a way to fake root", s->value);
        return err_hint(e, "auto, on and off are known");
}

static int parse_caps(const char *text, uint64_t *ret, struct err *e)
{
        int cap;

        if (str_eq(text, "ALL") || str_eq(text, "all")) {
                *ret = caps_all();
                return 0;
        }
        if (caps_find(text, &cap, e) < 0)
                return -e->code;
        *ret = (uint64_t)1 << cap;
        return 0;
}

int apply_keep_cap(struct assembly *a, const struct setting *s, struct err *e)
{
        uint64_t caps;

        if (parse_caps(s->value, &caps, e) < 0)
                return -e->code;
        a->plan->confine.keep_caps |= caps;
        return 0;
}

int apply_drop_cap(struct assembly *a, const struct setting *s, struct err *e)
{
        uint64_t caps;

        if (parse_caps(s->value, &caps, e) < 0)
                return -e->code;
        a->plan->confine.keep_caps &= ~caps;
        return 0;
}

int apply_allow_userns(struct assembly *a, const struct setting *s, struct err *e)
{
        (void)s;
        (void)e;
        a->plan->confine.may_nest_userns = true;
        return 0;
}

/* The later one for the same resource wins. */
static int set_rlimit(struct assembly *a, const struct plan_rlimit *limit, struct err *e)
{
        struct plan_limits *limits = &a->plan->limits;
        size_t i = 0;

        while (i < limits->n_rlimits && limits->rlimits[i].resource != limit->resource)
                i++;
        if (i == PLAN_MAX_RLIMITS)
                return err_set(e, E2BIG, "too many limits");
        limits->rlimits[i] = *limit;
        if (i == limits->n_rlimits)
                limits->n_rlimits++;
        return 0;
}

static int parse_limit(const char *text, bool is_size, uint64_t *ret, struct err *e)
{
        if (str_eq(text, "unlimited") || str_eq(text, "-1")) {
                *ret = RLIM_INFINITY;
                return 0;
        }
        return is_size ? parse_size(text, ret, e) : parse_number(text, 0, INT64_MAX, ret, e);
}

/* SOFT[:HARD]; one number is both. */
static int parse_limit_pair(char *text, bool is_size, struct plan_rlimit *ret, struct err *e)
{
        char *at = text;
        const char *soft = str_next_field(&at, ':');

        if (parse_limit(soft, is_size, &ret->soft, e) < 0)
                return -e->code;
        ret->hard = ret->soft;
        if (at && parse_limit(at, is_size, &ret->hard, e) < 0)
                return -e->code;
        if (ret->soft > ret->hard)
                return err_set(e, EINVAL, "the soft limit is above the hard one");
        return 0;
}

struct resource_name {
        char name[12];
        unsigned char resource;
};

static const struct resource_name resource_names[] = {
        { "as", RLIMIT_AS },
        { "core", RLIMIT_CORE },
        { "cpu", RLIMIT_CPU },
        { "data", RLIMIT_DATA },
        { "fsize", RLIMIT_FSIZE },
        { "locks", RLIMIT_LOCKS },
        { "memlock", RLIMIT_MEMLOCK },
        { "msgqueue", RLIMIT_MSGQUEUE },
        { "nice", RLIMIT_NICE },
        { "nofile", RLIMIT_NOFILE },
        { "nproc", RLIMIT_NPROC },
        { "rss", RLIMIT_RSS },
        { "rtprio", RLIMIT_RTPRIO },
        { "rttime", RLIMIT_RTTIME },
        { "sigpending", RLIMIT_SIGPENDING },
        { "stack", RLIMIT_STACK },
};

#define N_RESOURCES (sizeof(resource_names) / sizeof(resource_names[0]))

_Static_assert(N_RESOURCES <= PLAN_MAX_RLIMITS, "room for one limit of each kind");

const char *apply_resource_name(int resource)
{
        for (size_t i = 0; i < N_RESOURCES; i++) {
                if (resource_names[i].resource == resource)
                        return resource_names[i].name;
        }
        return "unknown";
}

/* NAME=SOFT[:HARD], in the units of setrlimit(2) */
int apply_ulimit(struct assembly *a, const struct setting *s, struct err *e)
{
        const char *names[N_RESOURCES + 1] = { NULL };
        char *at = arena_copy(&a->plan->arena, s->value, e);
        struct plan_rlimit limit = { 0 };

        if (!at)
                return -e->code;
        const char *name = str_next_field(&at, '=');
        if (!at) {
                err_set(e, EINVAL, "'%s' is not NAME=SOFT or NAME=SOFT:HARD", s->value);
                return err_hint(e, "like nofile=1024 or nofile=1024:4096");
        }
        for (size_t i = 0; i < N_RESOURCES; i++) {
                names[i] = resource_names[i].name;
                if (!str_eq(name, names[i]))
                        continue;
                limit.resource = resource_names[i].resource;
                if (parse_limit_pair(at, false, &limit, e) < 0)
                        return -e->code;
                return set_rlimit(a, &limit, e);
        }
        err_set(e, EINVAL, "unknown limit '%s'", name);
        const char *near = str_nearest(name, names);
        return near ? err_hint(e, "did you mean '%s'", near)
                    : err_hint(e, "nofile, nproc, fsize, core, ... as in setrlimit(2)");
}

static int apply_one_limit(struct assembly *a, const struct setting *s, int resource, bool is_size,
                           struct err *e)
{
        char *text = arena_copy(&a->plan->arena, s->value, e);
        struct plan_rlimit limit = { .resource = resource };

        if (!text || parse_limit_pair(text, is_size, &limit, e) < 0)
                return -e->code;
        return set_rlimit(a, &limit, e);
}

int apply_open_files(struct assembly *a, const struct setting *s, struct err *e)
{
        return apply_one_limit(a, s, RLIMIT_NOFILE, false, e);
}

int apply_file_size(struct assembly *a, const struct setting *s, struct err *e)
{
        return apply_one_limit(a, s, RLIMIT_FSIZE, true, e);
}

int apply_shm_size(struct assembly *a, const struct setting *s, struct err *e)
{
        uint64_t size;

        if (parse_size(s->value, &size, e) < 0)
                return -e->code;
        if (size == 0)
                return err_set(e, EINVAL, "size '%s' leaves no room", s->value);
        a->plan->limits.shm_size = size;
        return 0;
}

int apply_timeout(struct assembly *a, const struct setting *s, struct err *e)
{
        uint64_t ns;

        if (parse_duration(s->value, &ns, e) < 0)
                return -e->code;
        if (ns == 0) {
                err_set(e, EINVAL, "a time of '%s' is over at once", s->value);
                return err_hint(e, "leave it out for no limit");
        }
        a->plan->limits.timeout_ns = ns;
        return 0;
}
