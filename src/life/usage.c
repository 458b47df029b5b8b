#include "usage.h"

#include "cgroup-place.h"
#include "fd.h"
#include "io.h"
#include "mem.h"
#include "proc.h"
#include "str.h"
#include "task-stat.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct usage_task {
        pid_t pid;
        struct task_stat stat;
};

static int compare_tasks(const void *a, const void *b)
{
        pid_t x = ((const struct usage_task *)a)->pid;
        pid_t y = ((const struct usage_task *)b)->pid;

        return (x > y) - (x < y);
}

static int add_task(struct usage_look *l, size_t *room, const struct usage_task *task,
                    struct err *e)
{
        if (mem_grow(&l->tasks, l->n, room, sizeof(*l->tasks), e) < 0)
                return -e->code;
        l->tasks[l->n++] = *task;
        return 0;
}

static int read_tasks(struct usage_look *l, struct err *e)
{
        int fd = openat(l->proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        autodir *dir = fd_take_dir(&fd);
        struct dirent *entry;
        size_t room = 0;

        if (!dir)
                return err_sys(e, "cannot open '/proc'");
        while ((errno = 0, entry = readdir(dir))) {
                struct usage_task task = { .pid = (pid_t)strtol(entry->d_name, NULL, 10) };

                if (task.pid > 0 && task_read_stat(l->proc, entry->d_name, &task.stat) &&
                    add_task(l, &room, &task, e) < 0)
                        return -e->code;
        }
        if (errno)
                return err_sys(e, "cannot read '/proc'");
        if (l->n > 0)
                qsort(l->tasks, l->n, sizeof(*l->tasks), compare_tasks);
        return 0;
}

static int find_cgroups(struct usage_look *l, struct err *e)
{
        struct host_view v;

        if (host_view_open(&v, "/", e) < 0)
                return -e->code;
        if (!cgroup_find_mount(&v, l->cgroups, sizeof(l->cgroups)))
                l->cgroups[0] = '\0';
        host_view_done(&v);
        return 0;
}

int usage_look(struct usage_look *ret, struct err *e)
{
        struct usage_look l = { .proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC) };

        if (l.proc < 0)
                return err_sys(e, "cannot open '/proc'");
        if (find_cgroups(&l, e) < 0 || read_tasks(&l, e) < 0) {
                usage_look_done(&l);
                return -e->code;
        }
        *ret = l;
        return 0;
}

void usage_look_done(struct usage_look *look)
{
        fd_close(&look->proc);
        mem_free_at(&look->tasks);
        look->n = 0;
}

static const struct usage_task *find_task(const struct usage_look *l, pid_t pid)
{
        const struct usage_task key = { .pid = pid };

        return l->n > 0 ? bsearch(&key, l->tasks, l->n, sizeof(key), compare_tasks) : NULL;
}

/* In how many pid namespaces, one inside the other, a process has a number; 0: it is gone. */
static size_t count_levels(const struct usage_look *l, pid_t pid)
{
        struct err unused = { 0 };
        autofree char *text = NULL;
        autofd fd = -1;
        char path[32];
        size_t n = 0;

        snprintf(path, sizeof(path), "%d/status", (int)pid);
        fd = openat(l->proc, path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || io_read_all(fd, PROC_STATUS_MAX, path, &text, NULL, &unused) < 0)
                return 0;
        const char *at = strstr(text, "\nNSpid:");
        for (at = at ? strchr(at + 1, ':') + 1 : ""; *at && *at != '\n'; at++)
                n += *at == '\t';
        return n;
}

/*
 * Whether a process is one of the sandbox: below pid 1; or below the supervisor, which is a
 * subreaper, and in a namespace of processes that the supervisor is not in.
 */
static bool is_inside(const struct usage_look *l, const struct box_status *box,
                      const struct usage_task *task)
{
        const struct usage_task *at = task;

        /* the machine may have changed while it was looked at: no way up is longer than all of it */
        for (size_t i = 0; at && i < l->n; i++) {
                if (at->pid == box->init)
                        return true;
                if (at->pid == box->supervisor)
                        return at != task &&
                               count_levels(l, task->pid) > count_levels(l, box->supervisor);
                at = find_task(l, at->stat.parent);
        }
        return false;
}

static void add(const struct usage_look *l, const struct usage_task *task, bool is_init,
                struct usage *sum)
{
        struct task_memory memory;
        char pid[16];
        /* one that is dead and not yet reaped has none, and is counted by the kernel all the same */
        uint64_t n_threads = task->stat.n_threads > 0 ? task->stat.n_threads : 1;

        snprintf(pid, sizeof(pid), "%d", (int)task->pid);
        if (!task_read_memory(l->proc, pid, &memory))
                memory.proportional = task->stat.resident;
        sum->memory += memory.proportional * 1024;
        sum->cpu_us += task->stat.ticks * (1000000u / (uint64_t)sysconf(_SC_CLK_TCK));
        sum->processes += is_init ? n_threads - 1 : n_threads;
}

static bool is_cgroup(const struct box_limit *limit)
{
        return str_eq(limit->by, "cgroup") || str_eq(limit->by, "scope");
}

/* The directory of the cgroup that pid 1 is in; -1: it has none of its own. */
static int open_cgroup(const struct usage_look *l, const struct box_status *box)
{
        char path[PATH_MAX];
        char name[32];
        char text[4096];

        if (!l->cgroups[0] ||
            (!is_cgroup(&box->memory) && !is_cgroup(&box->cpus) && !is_cgroup(&box->processes)))
                return -1;
        snprintf(name, sizeof(name), "%d/cgroup", (int)box->init);
        if (io_read_small(l->proc, name, text, sizeof(text)) <= 0)
                return -1;
        char *at = text;
        for (const char *line; (line = str_next_field(&at, '\n'));) {
                if (!str_has_prefix(line, "0::/"))
                        continue;
                int n = snprintf(path, sizeof(path), "%s%s", l->cgroups, line + 3);

                if (n > 0 && (size_t)n < sizeof(path))
                        return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        }
        return -1;
}

/* "123", or "name 123" in a line; false: there is no such file. */
static bool read_count(int dir, const char *file, const char *name, uint64_t *ret)
{
        char text[4096];
        const char *at = text;

        if (dir < 0 || io_read_small(dir, file, text, sizeof(text)) <= 0)
                return false;
        if (name) {
                at = strstr(text, name);
                if (!at)
                        return false;
                at += strlen(name);
        }
        *ret = strtoull(at, NULL, 10);
        return true;
}

static void take_counts(int dir, struct usage *u)
{
        uint64_t n;

        read_count(dir, "cpu.stat", "usage_usec ", &u->cpu_us);
        read_count(dir, "memory.current", NULL, &u->memory);
        /* pid 1 is none of the command's */
        if (read_count(dir, "pids.current", NULL, &n))
                u->processes = n > 0 ? n - 1 : 0;
}

bool usage_get(const struct usage_look *look, const struct box_status *box, struct usage *ret)
{
        autofd cgroup = open_cgroup(look, box);
        struct usage sum = { 0 };
        uint64_t start;

        if (!find_task(look, box->init) || proc_start_time(box->init, &start) < 0 ||
            start != box->init_start)
                return false;
        for (size_t i = 0; i < look->n; i++) {
                const struct usage_task *task = &look->tasks[i];

                if (is_inside(look, box, task))
                        add(look, task, task->pid == box->init, &sum);
        }
        take_counts(cgroup, &sum);
        *ret = sum;
        return true;
}
