#include "cgroup.h"

#include "fd.h"
#include "io.h"
#include "log.h"
#include "str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/*
 * Sources: Documentation/admin-guide/cgroup-v2.rst, cgroups(7).
 *
 * A kelp that is killed leaves its cgroup, empty.  The next one removes it: it has no processes,
 * nobody holds its lock, and it is older than the moment that lies between making and locking one.
 */

static const char prefix[] = "kelp-";

/* Where kelp itself goes when the place is its own cgroup. */
#define SUPERVISOR "kelp-supervisor"

#define MIN_AGE_S     10
#define PATIENCE_MS   2000
#define CPU_PERIOD_US 100000u
#define SWEEP_AT_MOST 1000

/* "name 123\n": the number, or 0. */
static uint64_t get_count(const char *text, const char *name)
{
        size_t len = strlen(name);

        for (const char *at = text; at && *at; at = strchr(at, '\n'), at += at != NULL) {
                if (strncmp(at, name, len) == 0 && at[len] == ' ')
                        return strtoull(at + len + 1, NULL, 10);
        }
        return 0;
}

static uint64_t read_count(int dir, const char *file, const char *name)
{
        char text[1024];

        return io_read_small(dir, file, text, sizeof(text)) > 0 ? get_count(text, name) : 0;
}

static void sweep_one(int parent, const char *name)
{
        autofd dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;
        char text[256];

        if (dir < 0 || fstat(dir, &st) < 0 || st.st_uid != geteuid() ||
            time(NULL) - st.st_ctime < MIN_AGE_S || flock(dir, LOCK_EX | LOCK_NB) < 0)
                return;
        if (io_read_small(dir, "cgroup.events", text, sizeof(text)) > 0 &&
            get_count(text, "populated") == 0)
                unlinkat(parent, name, AT_REMOVEDIR);
}

/* Of those that others have left; what cannot be removed now is for the next one. */
static void sweep(int parent)
{
        int fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        autodir *dir = fd_take_dir(&fd);
        struct dirent *entry;

        if (!dir)
                return;
        for (int i = 0; i < SWEEP_AT_MOST && (entry = readdir(dir)); i++) {
                if (str_has_prefix(entry->d_name, prefix) && !str_eq(entry->d_name, SUPERVISOR))
                        sweep_one(parent, entry->d_name);
        }
}

/* Our parent, which waits until the payload runs; one that has gone meanwhile is in nobody's way. */
static int move_companion(int place, pid_t companion, struct err *e)
{
        char text[32];

        if (companion == 0 || getppid() != companion)
                return 0;
        snprintf(text, sizeof(text), "%d", (int)companion);
        if (io_write_file(place, SUPERVISOR "/cgroup.procs", text, e) < 0 && e->code != ESRCH)
                return err_prefix(e, "cannot take what waits for kelp to the cgroup '%s'",
                                  SUPERVISOR);
        *e = (struct err){ .step = e->step };
        return 0;
}

/* A cgroup that has processes hands nothing down, so we go into a child of it first. */
static int leave_own(int place, pid_t companion, struct err *e)
{
        if (mkdirat(place, SUPERVISOR, 0755) < 0 && errno != EEXIST)
                return err_sys(e, "cannot make the cgroup '%s'", SUPERVISOR);
        if (io_write_file(place, SUPERVISOR "/cgroup.procs", "0", e) < 0)
                return err_prefix(e, "cannot enter the cgroup '%s'", SUPERVISOR);
        return move_companion(place, companion, e);
}

static int hand_down(int place, unsigned controllers, struct err *e)
{
        static const char *const words[] = { "+memory", "+cpu", "+pids" };

        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
                if (controllers & 1u << i &&
                    io_write_file(place, "cgroup.subtree_control", words[i], e) < 0)
                        return err_prefix(e, "cannot hand '%s' down to a cgroup", words[i] + 1);
        }
        return 0;
}

static int make_named(struct cgroup *c, struct err *e)
{
        unsigned char noise[6];

        if (getrandom(noise, sizeof(noise), 0) != (ssize_t)sizeof(noise))
                return err_sys(e, "cannot get random bytes");
        snprintf(c->name, sizeof(c->name), "%s%02x%02x%02x%02x%02x%02x", prefix, noise[0], noise[1],
                 noise[2], noise[3], noise[4], noise[5]);
        if (mkdirat(c->parent, c->name, 0755) < 0)
                return err_sys(e, "cannot make a cgroup");
        c->dir = openat(c->parent, c->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (c->dir < 0 || io_lock(c->dir, LOCK_EX) < 0) {
                err_sys(e, "cannot lock the cgroup '%s'", c->name);
                unlinkat(c->parent, c->name, AT_REMOVEDIR);
                return -e->code;
        }
        return 0;
}

int cgroup_open_place(const struct cgroup_place *place, unsigned controllers, int *ret,
                      struct err *e)
{
        autofd dir = open(place->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (dir < 0)
                return err_sys(e, "cannot open the cgroup '%s'", place->dir);
        if ((place->is_own && leave_own(dir, place->companion, e) < 0) ||
            hand_down(dir, controllers, e) < 0)
                return err_prefix(e, "below '%s'", place->dir);
        *ret = fd_take(&dir);
        return 0;
}

int cgroup_make(const struct limit_tiers *tiers, struct cgroup *ret, struct err *e)
{
        const struct cgroup_place *place = &tiers->place;
        struct cgroup c = CGROUP_NONE;

        if (cgroup_open_place(place, tiers->controllers, &c.parent, e) < 0)
                return -e->code;
        sweep(c.parent);
        if (make_named(&c, e) < 0) {
                cgroup_drop(&c);
                return err_prefix(e, "below '%s'", place->dir);
        }
        *ret = c;
        return 0;
}

static int write_number(const struct cgroup *c, const char *file, uint64_t number, struct err *e)
{
        char text[32];

        snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
        if (io_write_file(c->dir, file, text, e) < 0)
                return err_prefix(e, "cannot set a limit of the sandbox's cgroup");
        return 0;
}

static int set_memory(const struct cgroup *c, uint64_t bytes, struct err *e)
{
        /* a kernel without swap has no such file */
        if (faccessat(c->dir, "memory.swap.max", F_OK, 0) == 0 &&
            write_number(c, "memory.swap.max", 0, e) < 0)
                return -e->code;
        /* one process less is not what anybody can go on with */
        if (write_number(c, "memory.oom.group", 1, e) < 0)
                return -e->code;
        return write_number(c, "memory.max", bytes, e);
}

static int set_cpus(const struct cgroup *c, uint64_t milli, struct err *e)
{
        char text[64];

        snprintf(text, sizeof(text), "%llu %u",
                 (unsigned long long)(milli * (CPU_PERIOD_US / 1000)), CPU_PERIOD_US);
        if (io_write_file(c->dir, "cpu.max", text, e) < 0)
                return err_prefix(e, "cannot set a limit of the sandbox's cgroup");
        return 0;
}

int cgroup_set_limits(const struct cgroup *c, const struct plan_limits *limits,
                      const struct limit_tiers *tiers, struct err *e)
{
        if (limit_is_by_cgroup(tiers->memory) && set_memory(c, limits->memory, e) < 0)
                return -e->code;
        if (limit_is_by_cgroup(tiers->cpus) && set_cpus(c, limits->cpus_milli, e) < 0)
                return -e->code;
        /* pid 1 is none of the command's */
        if (limit_is_by_cgroup(tiers->processes) &&
            write_number(c, "pids.max", limits->processes + 1, e) < 0)
                return -e->code;
        return 0;
}

int cgroup_join(const struct cgroup *c, struct err *e)
{
        if (c->dir < 0)
                return 0;
        if (io_write_file(c->dir, "cgroup.procs", "0", e) < 0)
                return err_prefix(e, "cannot enter the sandbox's cgroup");
        return 0;
}

struct cgroup_events cgroup_get_events(const struct cgroup *c)
{
        struct cgroup_events events = { 0 };

        if (c->dir < 0)
                return events;
        events.n_killed = read_count(c->dir, "memory.events", "oom_kill");
        events.n_refused = read_count(c->dir, "pids.events", "max");
        return events;
}

bool cgroup_kill(const struct cgroup *c)
{
        struct err unused = { 0 };

        if (c->dir < 0 || faccessat(c->dir, "cgroup.kill", F_OK, 0) < 0)
                return false;
        /* not needed for the end, as forks of what is being killed are, too */
        io_write_file(c->dir, "cgroup.freeze", "1", &unused);
        if (io_write_file(c->dir, "cgroup.kill", "1", &unused) == 0)
                return true;
        io_write_file(c->dir, "cgroup.freeze", "0", &unused);
        return false;
}

/* Until the last process is gone; "populated" is told by POLLPRI. */
static void await_empty(const struct cgroup *c)
{
        autofd events = openat(c->dir, "cgroup.events", O_RDONLY | O_CLOEXEC);
        struct pollfd fd = { .fd = events, .events = POLLPRI };
        char text[256];

        for (int i = 0; events >= 0 && i < 100; i++) {
                ssize_t n = pread(events, text, sizeof(text) - 1, 0);

                text[n > 0 ? n : 0] = '\0';
                if (n <= 0 || get_count(text, "populated") == 0)
                        return;
                int ready = poll(&fd, 1, PATIENCE_MS);
                if (ready == 0 || (ready < 0 && errno != EINTR))
                        return;
        }
}

void cgroup_remove(struct cgroup *c)
{
        if (c->dir < 0)
                return;
        /* pid 1 is dead, and so should all be */
        cgroup_kill(c);
        await_empty(c);
        if (unlinkat(c->parent, c->name, AT_REMOVEDIR) < 0)
                log_notice("cannot remove the cgroup '%s': %s; the next run with limits does",
                           c->name, err_name(errno));
        cgroup_drop(c);
        *c = (struct cgroup)CGROUP_NONE;
}

void cgroup_drop(const struct cgroup *c)
{
        if (c->dir >= 0)
                close(c->dir);
        if (c->parent >= 0)
                close(c->parent);
}
