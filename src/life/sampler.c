#include "sampler.h"

#include "fd.h"
#include "io.h"
#include "mem.h"
#include "task-stat.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/sysinfo.h>
#include <sys/timerfd.h>
#include <sys/vfs.h>
#include <unistd.h>

/*
 * First what is cheap: the resident sizes of all processes.  They count what is shared once for
 * each, and nothing that is swapped out; only where their sum is above the limit, or this machine
 * swaps, is the proportional size asked for, which takes the kernel a walk over the page tables.  A process that does not let itself be asked (pid 1, and one
 * that is just ending) counts with its resident size.
 *
 * Files in memory are counted by their file system, but not twice where they are mapped.  What this
 * does not see: other file systems in memory, which have a size of their own, memory files
 * (memfd_create(2)) as far as nobody maps them, and what the kernel keeps for the sandbox: pipes,
 * sockets, page tables.
 */

/* Looks are so far apart that nobody can have taken all that is left since the last one. */
#define BYTES_PER_NS    4u /* what two processors can touch for the first time */
#define MIN_PERIOD_NS   2000000u
#define MAX_PERIOD_NS   100000000u
#define COUNT_PERIOD_NS 500000000u
#define COST_SHARE      10u   /* of the time, one part in so many at most is spent with looking */
#define BYTES_PER_FILE  1024u /* an inode and a name of a tmpfs, without content */

struct sum {
        uint64_t resident;     /* kilobytes, as the next two */
        uint64_t proportional; /* with what is swapped out */
        uint64_t mapped_shmem; /* the part of `proportional` that may be in a file system */
        uint64_t n_tasks;
};

/* False when it is gone. */
static bool add_stat(int proc, const char *pid, struct sum *sum, uint64_t *ret_resident)
{
        struct task_stat stat;

        if (!task_read_stat(proc, pid, &stat))
                return false;
        *ret_resident = stat.resident;
        sum->resident += stat.resident;
        /* one that is dead and not yet reaped has none, and is counted by the kernel all the same */
        sum->n_tasks += stat.n_threads > 0 ? stat.n_threads : 1;
        return true;
}

static void add_rollup(int proc, const char *pid, uint64_t resident, struct sum *sum)
{
        struct task_memory memory;

        if (!task_read_memory(proc, pid, &memory)) {
                sum->proportional += resident;
                return;
        }
        sum->proportional += memory.proportional;
        sum->mapped_shmem += memory.shmem;
}

static int walk(const struct sampler *s, bool is_exact, struct sum *ret, struct err *e)
{
        /* of its own: the position of a directory belongs to the open file */
        int fd = openat(s->proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        autodir *dir = fd_take_dir(&fd);
        struct dirent *entry;

        if (!dir)
                return err_sys(e, "cannot open '/proc' of the sandbox");
        *ret = (struct sum){ 0 };
        while ((errno = 0, entry = readdir(dir))) {
                uint64_t resident;

                if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
                    !add_stat(s->proc, entry->d_name, ret, &resident))
                        continue;
                if (is_exact)
                        add_rollup(s->proc, entry->d_name, resident, ret);
        }
        return errno ? err_sys(e, "cannot read '/proc' of the sandbox") : 0;
}

static int get_file_memory(const struct sampler *s, uint64_t *ret, struct err *e)
{
        struct statfs st;

        if (fstatfs(s->memory_fs, &st) < 0)
                return err_sys(e, "cannot stat the sandbox's file system in memory");
        *ret = (uint64_t)(st.f_blocks - st.f_bfree) * (uint64_t)st.f_bsize +
               (uint64_t)(st.f_files - st.f_ffree) * BYTES_PER_FILE;
        return 0;
}

static bool has_swapped(void)
{
        struct sysinfo info;

        return sysinfo(&info) < 0 || info.freeswap < info.totalswap;
}

static int measure(struct sampler *s, struct err *e)
{
        uint64_t limit = s->tiers->memory == LIMIT_SAMPLED ? s->limits->memory : UINT64_MAX;
        uint64_t files = 0;
        struct sum sum;

        if (walk(s, false, &sum, e) < 0 || get_file_memory(s, &files, e) < 0)
                return -e->code;
        s->n_tasks = sum.n_tasks;
        s->memory = sum.resident * 1024 + files;
        if (limit == UINT64_MAX || (s->memory <= limit && !has_swapped()))
                return 0;
        if (walk(s, true, &sum, e) < 0)
                return -e->code;
        uint64_t shmem = sum.mapped_shmem * 1024;
        s->memory = sum.proportional * 1024 + (files > shmem ? files - shmem : 0);
        return 0;
}

/* Whether it stands at its limit of processes. */
static bool is_full(struct sampler *s)
{
        uint64_t refused;

        switch (s->tiers->processes) {
        case LIMIT_SAMPLED:
                /* pid 1 is none of the command's */
                return s->n_tasks >= s->limits->processes + 1;
        case LIMIT_CGROUP:
        case LIMIT_SCOPE:
                refused = cgroup_get_events(s->cgroup).n_refused;
                bool is_more = refused > s->n_refused;
                s->n_refused = refused;
                return is_more;
        case LIMIT_NOT_ASKED:
        case LIMIT_NOWHERE:
        case LIMIT_TIER_COUNT:
                break;
        }
        return false;
}

static enum sample_verdict judge(struct sampler *s, uint64_t now)
{
        if (s->tiers->memory == LIMIT_SAMPLED && s->memory > s->limits->memory)
                return SAMPLE_MEMORY;
        if (!is_full(s)) {
                s->full_since = 0;
                return SAMPLE_WITHIN;
        }
        if (s->full_since == 0)
                s->full_since = now;
        bool is_over =
                s->tiers->processes == LIMIT_SAMPLED && s->n_tasks > s->limits->processes + 1;
        return is_over || now - s->full_since > SAMPLER_FULL_NS ? SAMPLE_PIDS : SAMPLE_WITHIN;
}

static int arm(const struct sampler *s, uint64_t ns, struct err *e)
{
        struct itimerspec when = { .it_value.tv_nsec = (long)ns };

        if (timerfd_settime(s->timer, 0, &when, NULL) < 0)
                return err_sys(e, "cannot set the timer of the limits");
        return 0;
}

static uint64_t choose_period(const struct sampler *s, uint64_t cost)
{
        /* the kernel keeps the limits, and counts */
        if (!limit_tiers_sample(s->tiers))
                return COUNT_PERIOD_NS;
        uint64_t period = MAX_PERIOD_NS;

        if (s->tiers->memory == LIMIT_SAMPLED && s->limits->memory > s->memory)
                period = (s->limits->memory - s->memory) / BYTES_PER_NS;
        if (period < MIN_PERIOD_NS)
                period = MIN_PERIOD_NS;
        if (period < cost * COST_SHARE)
                period = cost * COST_SHARE;
        return period < MAX_PERIOD_NS ? period : MAX_PERIOD_NS;
}

int sampler_look(struct sampler *s, enum sample_verdict *ret, struct err *e)
{
        uint64_t start = io_now();
        uint64_t expirations;

        *ret = SAMPLE_WITHIN;
        if (read(s->timer, &expirations, sizeof(expirations)) < 0)
                return 0;
        if (limit_tiers_sample(s->tiers) && measure(s, e) < 0)
                return -e->code;
        uint64_t now = io_now();
        *ret = judge(s, now);
        return arm(s, choose_period(s, now - start), e);
}

int sampler_start(struct sampler *ret, const struct plan_limits *limits,
                  const struct limit_tiers *tiers, const struct run *r, struct err *e)
{
        struct sampler s = SAMPLER_NONE;

        s.limits = limits;
        s.tiers = tiers;
        s.proc = r->proc;
        s.memory_fs = r->memory_fs;
        s.cgroup = &r->cgroup;
        if (limit_tiers_sample(tiers) || limit_is_by_cgroup(tiers->processes)) {
                s.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
                if (s.timer < 0)
                        return err_sys(e, "cannot make the timer of the limits");
        }
        if (s.timer >= 0 && arm(&s, 1, e) < 0) {
                fd_close(&s.timer);
                return -e->code;
        }
        *ret = s;
        return 0;
}

void sampler_done(struct sampler *s)
{
        fd_close(&s->timer);
}
