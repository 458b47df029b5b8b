/* process: what it may do, and how much of what. */

#include "caps.h"
#include "config-inner.h"
#include "str.h"

#include <assert.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>

/* ------ capabilities ------ */

/* One that this kernel or this program does not know cannot be granted, which is said and no error. */
static int read_cap(struct bundle *b, const struct field *f, uint64_t *set, struct err *e)
{
        struct err unknown = { 0 };
        char shown[64];
        const char *name;
        int cap;

        if (field_as_text(f, FIELD_MAX_TEXT, &name, e) < 0)
                return -e->code;
        if (str_has_prefix(name, "CAP_") && caps_find(name, &cap, &unknown) == 0) {
                *set |= (uint64_t)1 << cap;
                return 0;
        }
        str_escape(shown, sizeof(shown), name, strlen(name));
        return config_add_notice(b, e, "process.capabilities: unknown capability '%s', ignoring",
                                 shown);
}

static int read_cap_set(struct bundle *b, const struct field *caps, const char *name, uint64_t *set,
                        struct err *e)
{
        struct field list;

        if (field_array(caps, name, 1000, &list, e) < 0)
                return -e->code;
        for (size_t i = 0; i < field_count(&list); i++) {
                struct field f = field_item(&list, i);

                if (read_cap(b, &f, set, e) < 0)
                        return -e->code;
        }
        return 0;
}

static int read_caps(struct bundle *b, const struct field *process, struct err *e)
{
        struct bundle_caps *to = &b->process.caps;
        struct field caps;

        if (field_object(process, "capabilities", &caps, e) < 0)
                return -e->code;
        to->is_set = caps.value != NULL;
        if (read_cap_set(b, &caps, "bounding", &to->bounding, e) < 0 ||
            read_cap_set(b, &caps, "effective", &to->effective, e) < 0 ||
            read_cap_set(b, &caps, "permitted", &to->permitted, e) < 0 ||
            read_cap_set(b, &caps, "inheritable", &to->inheritable, e) < 0)
                return -e->code;
        return read_cap_set(b, &caps, "ambient", &to->ambient, e);
}

/* ------ limits ------ */

static const struct field_word rlimit_words[] = {
        { "RLIMIT_AS", RLIMIT_AS },
        { "RLIMIT_CORE", RLIMIT_CORE },
        { "RLIMIT_CPU", RLIMIT_CPU },
        { "RLIMIT_DATA", RLIMIT_DATA },
        { "RLIMIT_FSIZE", RLIMIT_FSIZE },
        { "RLIMIT_LOCKS", RLIMIT_LOCKS },
        { "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK },
        { "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE },
        { "RLIMIT_NICE", RLIMIT_NICE },
        { "RLIMIT_NOFILE", RLIMIT_NOFILE },
        { "RLIMIT_NPROC", RLIMIT_NPROC },
        { "RLIMIT_RSS", RLIMIT_RSS },
        { "RLIMIT_RTPRIO", RLIMIT_RTPRIO },
        { "RLIMIT_RTTIME", RLIMIT_RTTIME },
        { "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING },
        { "RLIMIT_STACK", RLIMIT_STACK },
};

static_assert(FIELD_N_WORDS(rlimit_words) == PLAN_MAX_RLIMITS,
              "a plan has a place for each of them, for none is there twice");

static int require_all(const struct field *object, const char *const *names, struct err *e)
{
        for (; *names; names++) {
                struct field f = field_member(object, *names);

                if (field_require(&f, e) < 0)
                        return -e->code;
        }
        return 0;
}

static int read_rlimit(struct plan_limits *limits, const struct field *f, struct err *e)
{
        static const char *const names[] = { "type", "soft", "hard", NULL };
        struct plan_rlimit r = { 0 };
        uint64_t resource = 0;

        if (field_check_object(f, e) < 0 || require_all(f, names, e) < 0 ||
            field_word(f, "type", rlimit_words, FIELD_N_WORDS(rlimit_words), NULL, &resource, e) <
                    0 ||
            field_number(f, "soft", 0, UINT64_MAX, NULL, &r.soft, e) < 0 ||
            field_number(f, "hard", 0, UINT64_MAX, NULL, &r.hard, e) < 0)
                return -e->code;
        r.resource = (int)resource;
        struct field soft = field_member(f, "soft");
        if (r.soft > r.hard)
                return field_fail(&soft, e, "must not be above 'hard'");
        struct field type = field_member(f, "type");
        for (size_t i = 0; i < limits->n_rlimits; i++) {
                if (limits->rlimits[i].resource == r.resource)
                        return field_fail(&type, e, "is the second limit of this kind");
        }
        limits->rlimits[limits->n_rlimits++] = r;
        return 0;
}

static int read_rlimits(struct bundle *b, const struct field *process, struct err *e)
{
        struct field list;

        if (field_array(process, "rlimits", 100, &list, e) < 0)
                return -e->code;
        for (size_t i = 0; i < field_count(&list); i++) {
                struct field f = field_item(&list, i);

                if (!f.value || !json_is_object(f.value))
                        return field_fail(&f, e, "must be an object");
                if (read_rlimit(&b->plan.limits, &f, e) < 0)
                        return -e->code;
        }
        return 0;
}

static int read_oom_score(struct bundle *b, const struct field *process, struct err *e)
{
        int64_t score = 0;

        if (field_integer(process, "oomScoreAdj", -1000, 1000, &b->process.has_oom_score, &score,
                          e) < 0)
                return -e->code;
        b->process.oom_score = (int)score;
        return 0;
}

/* ------ when it runs ------ */

static int read_io_priority(struct bundle *b, const struct field *process, struct err *e)
{
        static const struct field_word words[] = {
                { "IOPRIO_CLASS_RT", IOPRIO_CLASS_RT },
                { "IOPRIO_CLASS_BE", IOPRIO_CLASS_BE },
                { "IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE },
        };
        struct bundle_process *p = &b->process;
        struct field io;
        uint64_t class = 0;
        uint64_t priority = 0;

        if (field_object(process, "ioPriority", &io, e) < 0)
                return -e->code;
        if (!io.value)
                return 0;
        struct field f = field_member(&io, "class");
        if (field_require(&f, e) < 0 ||
            field_word(&io, "class", words, FIELD_N_WORDS(words), &p->has_io_priority, &class, e) <
                    0 ||
            field_number(&io, "priority", 0, 7, NULL, &priority, e) < 0)
                return -e->code;
        p->io_class = (unsigned)class;
        p->io_priority = (unsigned)priority;
        return 0;
}

/* Of linux/sched.h and linux/sched/types.h, which do not agree with sched.h. */
#define POLICY_DEADLINE 6

static const struct field_word policy_words[] = {
        { "SCHED_OTHER", SCHED_OTHER }, { "SCHED_FIFO", SCHED_FIFO },
        { "SCHED_RR", SCHED_RR },       { "SCHED_BATCH", SCHED_BATCH },
        { "SCHED_IDLE", SCHED_IDLE },   { "SCHED_DEADLINE", POLICY_DEADLINE },
};

static const struct field_word flag_words[] = {
        { "SCHED_FLAG_RESET_ON_FORK", 0x01 },  { "SCHED_FLAG_RECLAIM", 0x02 },
        { "SCHED_FLAG_DL_OVERRUN", 0x04 },     { "SCHED_FLAG_KEEP_POLICY", 0x08 },
        { "SCHED_FLAG_KEEP_PARAMS", 0x10 },    { "SCHED_FLAG_UTIL_CLAMP_MIN", 0x20 },
        { "SCHED_FLAG_UTIL_CLAMP_MAX", 0x40 },
};

static int read_flags(struct bundle_scheduler *s, const struct field *scheduler, struct err *e)
{
        struct field list;

        if (field_array(scheduler, "flags", 100, &list, e) < 0)
                return -e->code;
        for (size_t i = 0; i < field_count(&list); i++) {
                struct field f = field_item(&list, i);
                uint64_t flag;

                if (field_as_word(&f, flag_words, FIELD_N_WORDS(flag_words), &flag, e) < 0)
                        return -e->code;
                s->flags |= flag;
        }
        return 0;
}

static int read_policy(struct bundle_scheduler *s, const struct field *scheduler, struct err *e)
{
        struct field f = field_member(scheduler, "policy");
        const char *name = "";
        uint64_t policy = 0;

        if (field_require(&f, e) < 0 || field_as_text(&f, FIELD_MAX_TEXT, &name, e) < 0)
                return -e->code;
        if (str_eq(name, "SCHED_ISO"))
                return field_fail(&f, e, "'SCHED_ISO' is reserved: no kernel has it");
        if (field_word(scheduler, "policy", policy_words, FIELD_N_WORDS(policy_words), &s->is_set,
                       &policy, e) < 0)
                return -e->code;
        s->policy = (uint32_t)policy;
        return 0;
}

/* sched_setattr(2): which number goes with which policy. */
static int check_scheduler(const struct bundle_scheduler *s, const struct field *scheduler,
                           struct err *e)
{
        bool is_real_time = s->policy == SCHED_FIFO || s->policy == SCHED_RR;
        struct field priority = field_member(scheduler, "priority");
        struct field runtime = field_member(scheduler, "runtime");

        if (is_real_time && s->priority == 0)
                return field_fail(&priority, e, "must be from 1 to 99 with this policy");
        if (!is_real_time && s->priority != 0)
                return field_fail(&priority, e, "must be 0 with this policy");
        if (s->policy == POLICY_DEADLINE && (s->runtime_ns == 0 || s->runtime_ns > s->deadline_ns ||
                                             (s->period_ns != 0 && s->deadline_ns > s->period_ns)))
                return field_fail(&runtime, e,
                                  "must be above 0 and not above 'deadline', and that not above "
                                  "'period'");
        return 0;
}

static int read_scheduler(struct bundle *b, const struct field *process, struct err *e)
{
        struct bundle_scheduler *s = &b->process.scheduler;
        struct field scheduler;
        uint64_t priority = 0;
        int64_t nice = 0;

        if (field_object(process, "scheduler", &scheduler, e) < 0)
                return -e->code;
        if (!scheduler.value)
                return 0;
        if (read_policy(s, &scheduler, e) < 0 || read_flags(s, &scheduler, e) < 0 ||
            field_integer(&scheduler, "nice", -20, 19, NULL, &nice, e) < 0 ||
            field_number(&scheduler, "priority", 0, 99, NULL, &priority, e) < 0 ||
            field_number(&scheduler, "runtime", 0, INT64_MAX, NULL, &s->runtime_ns, e) < 0 ||
            field_number(&scheduler, "deadline", 0, INT64_MAX, NULL, &s->deadline_ns, e) < 0 ||
            field_number(&scheduler, "period", 0, INT64_MAX, NULL, &s->period_ns, e) < 0)
                return -e->code;
        s->nice = (int32_t)nice;
        s->priority = (uint32_t)priority;
        return check_scheduler(s, &scheduler, e);
}

/* ------ all of it ------ */

/* An empty label is none (Go writes such). */
static int read_label(struct bundle *b, const struct field *process, const char *name,
                      const char **ret, struct err *e)
{
        if (field_copy_text(process, name, FIELD_MAX_PATH, &b->plan.arena, ret, e) < 0)
                return -e->code;
        if (*ret && !**ret)
                *ret = NULL;
        return 0;
}

int config_rights(struct bundle *b, const struct field *process, struct err *e)
{
        if (read_caps(b, process, e) < 0 ||
            field_bool(process, "noNewPrivileges", &b->process.no_new_privs, e) < 0 ||
            read_rlimits(b, process, e) < 0 || read_oom_score(b, process, e) < 0 ||
            read_io_priority(b, process, e) < 0 || read_scheduler(b, process, e) < 0)
                return -e->code;
        if (read_label(b, process, "apparmorProfile", &b->process.apparmor, e) < 0)
                return -e->code;
        return read_label(b, process, "selinuxLabel", &b->process.selinux, e);
}
