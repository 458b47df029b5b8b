#include "become-limits.h"

#include "fd.h"
#include "io.h"
#include "own-proc.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define OOM_FILE "oom_score_adj"

static const char *const names[] = {
        [RLIMIT_CPU] = "RLIMIT_CPU",           [RLIMIT_FSIZE] = "RLIMIT_FSIZE",
        [RLIMIT_DATA] = "RLIMIT_DATA",         [RLIMIT_STACK] = "RLIMIT_STACK",
        [RLIMIT_CORE] = "RLIMIT_CORE",         [RLIMIT_RSS] = "RLIMIT_RSS",
        [RLIMIT_NPROC] = "RLIMIT_NPROC",       [RLIMIT_NOFILE] = "RLIMIT_NOFILE",
        [RLIMIT_MEMLOCK] = "RLIMIT_MEMLOCK",   [RLIMIT_AS] = "RLIMIT_AS",
        [RLIMIT_LOCKS] = "RLIMIT_LOCKS",       [RLIMIT_SIGPENDING] = "RLIMIT_SIGPENDING",
        [RLIMIT_MSGQUEUE] = "RLIMIT_MSGQUEUE", [RLIMIT_NICE] = "RLIMIT_NICE",
        [RLIMIT_RTPRIO] = "RLIMIT_RTPRIO",     [RLIMIT_RTTIME] = "RLIMIT_RTTIME",
};
static_assert(sizeof(names) / sizeof(names[0]) == RLIM_NLIMITS, "a name for every limit");

static int read_oom_score(int *ret)
{
        autofd fd = own_proc_open(OOM_FILE, O_RDONLY);
        char text[32] = "";

        if (fd < 0 || io_read(fd, text, sizeof(text) - 1) <= 0)
                return -1;
        *ret = (int)strtol(text, NULL, 10);
        return 0;
}

static int write_oom_score(int score, struct err *e)
{
        autofd fd = own_proc_open(OOM_FILE, O_WRONLY);
        char text[32];
        int n = snprintf(text, sizeof(text), "%d", score);

        if (fd >= 0)
                return io_write_all(fd, text, (size_t)n, OOM_FILE, e);
        return err_sys(e, "cannot open '" OOM_FILE "' of /proc");
}

int become_set_oom_score(const struct bundle *b, struct err *e)
{
        int score = b->process.oom_score;
        int now;

        if (!b->process.has_oom_score || (read_oom_score(&now) == 0 && now == score))
                return 0;
        if (write_oom_score(score, e) == 0)
                return 0;
        err_prefix(e, "process.oomScoreAdj %d", score);
        if (e->code == EACCES)
                err_hint(e, "a user without root cannot go below what the caller was started with");
        return -e->code;
}

int become_set_rlimits(const struct bundle *b, struct err *e)
{
        for (size_t i = 0; i < b->plan.limits.n_rlimits; i++) {
                const struct plan_rlimit *r = &b->plan.limits.rlimits[i];
                struct rlimit limit = { .rlim_cur = r->soft, .rlim_max = r->hard };
                struct rlimit now = { 0 };

                if (setrlimit((__rlimit_resource_t)r->resource, &limit) == 0)
                        continue;
                err_sys(e, "cannot set the limit '%s' to %llu (hard: %llu)", names[r->resource],
                        (unsigned long long)r->soft, (unsigned long long)r->hard);
                getrlimit((__rlimit_resource_t)r->resource, &now);
                if (e->code == EPERM)
                        err_hint(e, "the caller's own hard limit is %llu",
                                 (unsigned long long)now.rlim_max);
                return -e->code;
        }
        return 0;
}
