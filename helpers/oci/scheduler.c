#include "scheduler.h"

#include "mem.h"
#include "parse.h"
#include "str.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/ioprio.h, which old headers do not have. */
#define IO_WHO_PROCESS 1
#define IO_CLASS_SHIFT 13

#define MAX_CPUS 65536

/* sched_setattr(2), for which there is no header beside <sched.h>. */
struct attr {
        uint32_t size;
        uint32_t policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime;
        uint64_t deadline;
        uint64_t period;
};

static int set_policy(const struct bundle_scheduler *s, struct err *e)
{
        struct attr attr = {
                .size = sizeof(attr),
                .policy = s->policy,
                .flags = s->flags,
                .nice = s->nice,
                .priority = s->priority,
                .runtime = s->runtime_ns,
                .deadline = s->deadline_ns,
                .period = s->period_ns,
        };

        if (!s->is_set)
                return 0;
        if (syscall(SYS_sched_setattr, 0, &attr, 0) == 0)
                return 0;
        err_sys(e, "cannot set process.scheduler");
        if (e->code == EPERM)
                err_hint(e, "a user without root may only lower priorities, or have what ulimit -r "
                            "and -e allow");
        return -e->code;
}

static int set_io(const struct bundle_process *p, struct err *e)
{
        unsigned value = p->io_class << IO_CLASS_SHIFT | p->io_priority;

        if (!p->has_io_priority)
                return 0;
        if (syscall(SYS_ioprio_set, IO_WHO_PROCESS, 0, value) == 0)
                return 0;
        err_sys(e, "cannot set process.ioPriority");
        if (e->code == EPERM)
                err_hint(e, "IOPRIO_CLASS_RT is for root");
        return -e->code;
}

int scheduler_set(const struct bundle_process *p, struct err *e)
{
        if (set_policy(&p->scheduler, e) < 0)
                return -e->code;
        return set_io(p, e);
}

/* "3" or "3-7"; `field` is changed. */
static int add_cpus(char *field, cpu_set_t *set, size_t size, struct err *e)
{
        char *dash = strchr(field, '-');
        uint64_t first, last;

        if (dash)
                *dash = '\0';
        if (parse_number(str_trim(field), 0, MAX_CPUS - 1, &first, e) < 0)
                return -e->code;
        last = first;
        if (dash && parse_number(str_trim(dash + 1), first, MAX_CPUS - 1, &last, e) < 0)
                return -e->code;
        for (; first <= last; first++)
                CPU_SET_S(first, size, set);
        return 0;
}

int scheduler_set_affinity(const char *list, const char *name, struct err *e)
{
        size_t size = CPU_ALLOC_SIZE(MAX_CPUS);

        if (!list)
                return 0;
        autofree cpu_set_t *set = mem_alloc(size, e);
        autofree char *copy = mem_alloc(strlen(list) + 1, e);
        if (!set || !copy)
                return -e->code;
        memcpy(copy, list, strlen(list) + 1);
        for (char *at = copy; at;) {
                if (add_cpus(str_next_field(&at, ','), set, size, e) < 0)
                        return err_prefix(e, "process.execCPUAffinity.%s '%s'", name, list);
        }
        if (sched_setaffinity(0, size, set) < 0)
                return err_sys(e, "cannot set process.execCPUAffinity.%s to '%s'", name, list);
        return 0;
}
