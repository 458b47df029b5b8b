#include "rlimits.h"

#include "fd.h"
#include "io.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>

/* As setrlimit(2) and the option know them. */
static const char *const names[] = {
        [RLIMIT_CPU] = "cpu",           [RLIMIT_FSIZE] = "fsize",
        [RLIMIT_DATA] = "data",         [RLIMIT_STACK] = "stack",
        [RLIMIT_CORE] = "core",         [RLIMIT_RSS] = "rss",
        [RLIMIT_NPROC] = "nproc",       [RLIMIT_NOFILE] = "nofile",
        [RLIMIT_MEMLOCK] = "memlock",   [RLIMIT_AS] = "as",
        [RLIMIT_LOCKS] = "locks",       [RLIMIT_SIGPENDING] = "sigpending",
        [RLIMIT_MSGQUEUE] = "msgqueue", [RLIMIT_NICE] = "nice",
        [RLIMIT_RTPRIO] = "rtprio",     [RLIMIT_RTTIME] = "rttime",
};
static_assert(sizeof(names) / sizeof(names[0]) == RLIM_NLIMITS, "a name for every limit");

static int set_one(int resource, uint64_t soft, uint64_t hard, struct err *e)
{
        struct rlimit limit = { .rlim_cur = soft, .rlim_max = hard };

        if (setrlimit(resource, &limit) == 0)
                return 0;
        int code = errno;
        struct rlimit now = { 0 };

        getrlimit(resource, &now);
        errno = code;
        err_sys(e, "cannot set the limit '%s' to %llu", names[resource], (unsigned long long)soft);
        if (code == EPERM)
                err_hint(e, "your own hard limit is %llu", (unsigned long long)now.rlim_max);
        return -code;
}

struct core_handler rlimits_find_handler(const char *core_pattern)
{
        struct core_handler found = { 0 };
        autofd fd = open(core_pattern, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : io_read(fd, &found.first, 1);

        if (n != 1)
                found.code = n < 0 ? errno : EIO;
        return found;
}

static int fail_unknown(int code, struct err *e)
{
        errno = code;
        err_sys(e, "cannot tell whether this machine has a handler of core dumps");
        return err_hint(e, "--ulimit core=0 starts without knowing, and one that there is may be "
                           "told of crashes");
}

/*
 * A core dump would be written, piped to a handler, or handed to one over a socket, by the host.  One
 * byte is a special value: unlike zero it stops a piped handler too.  Whose hard limit is zero already,
 * as below sudo, cannot have that value; where there is no handler, zero is as good.  The kernel looks
 * at no limit for a socket, '@' since Linux 6.16.  Source: core(5), fs/coredump.c.
 */
static int forbid_cores(const struct core_handler *handler, struct err *e)
{
        struct rlimit now;

        if (getrlimit(RLIMIT_CORE, &now) < 0)
                return err_sys(e, "cannot read a resource limit");
        if (handler->code != 0)
                return fail_unknown(handler->code, e);
        if (handler->first == '@') {
                err_set(e, EPERM,
                        "cannot keep crashes from this machine's handler of core dumps: it is a "
                        "socket, which no limit stops");
                return err_hint(e, "--ulimit core=0 lets it be told of crashes");
        }
        if (now.rlim_max >= 1)
                return set_one(RLIMIT_CORE, 1, 1, e);
        if (handler->first != '|')
                return set_one(RLIMIT_CORE, 0, 0, e);
        err_set(e, EPERM,
                "cannot keep crashes from this machine's handler of core dumps: your own hard "
                "limit on them is 0, and it takes 1");
        return err_hint(e, "sudo and services lower it: start kelp without, or with "
                           "LimitCORE=1; --ulimit core=0 lets the handler be started");
}

int rlimits_set(const struct plan_limits *limits, const struct core_handler *handler, struct err *e)
{
        bool has_core = false;

        for (size_t i = 0; i < limits->n_rlimits; i++) {
                const struct plan_rlimit *r = &limits->rlimits[i];

                /* as every plan has it that is not told otherwise */
                if (r->resource == RLIMIT_CORE && r->soft == 1 && r->hard == 1)
                        continue;
                has_core = has_core || r->resource == RLIMIT_CORE;
                if (set_one(r->resource, r->soft, r->hard, e) < 0)
                        return -e->code;
        }
        return has_core ? 0 : forbid_cores(handler, e);
}

static int read_processes(struct rlimit *ret, struct err *e)
{
        if (getrlimit(RLIMIT_NPROC, ret) < 0)
                return err_sys(e, "cannot read a resource limit");
        return 0;
}

int rlimits_set_processes(uint64_t n, struct err *e)
{
        struct rlimit now;

        if (read_processes(&now, e) < 0)
                return -e->code;
        uint64_t hard = now.rlim_max < n ? now.rlim_max : n;
        uint64_t soft = now.rlim_cur < hard ? now.rlim_cur : hard;
        return set_one(RLIMIT_NPROC, soft, hard, e);
}

int rlimits_lower_processes(uint64_t n, struct rlimit *ret_before, struct err *e)
{
        struct rlimit now;

        if (read_processes(&now, e) < 0 ||
            set_one(RLIMIT_NPROC, now.rlim_cur < n ? now.rlim_cur : n, now.rlim_max, e) < 0)
                return -e->code;
        *ret_before = now;
        return 0;
}

int rlimits_restore_processes(const struct rlimit *before, struct err *e)
{
        return set_one(RLIMIT_NPROC, before->rlim_cur, before->rlim_max, e);
}
