#include "task-stat.h"

#include "fd.h"
#include "io.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct raw_stat {
        char state;
        int parent;
        unsigned long long ticks[4];
        unsigned long long n_threads;
        unsigned long long pages;
};

/*
 * Of "stat", not of "status": a process with thousands of groups has the latter as long as it likes.
 * Source: proc_pid_stat(5), fields 3, 4, 14 to 17, 20 and 24.
 */
static bool read_raw(int proc, const char *pid, struct raw_stat *ret)
{
        char path[64];
        char text[1024];

        snprintf(path, sizeof(path), "%.40s/stat", pid);
        if (io_read_small(proc, path, text, sizeof(text)) <= 0)
                return false;
        /* the name is of the process's own choice, and in parentheses */
        const char *at = strrchr(text, ')');
        return at &&
               sscanf(at + 1,
                      " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %llu %llu %*d %*d %llu"
                      " %*d %*u %*u %llu",
                      &ret->state, &ret->parent, &ret->ticks[0], &ret->ticks[1], &ret->ticks[2],
                      &ret->ticks[3], &ret->n_threads, &ret->pages) == 8;
}

/*
 * A process whose first thread has ended goes on in the others, but its own files in /proc say
 * nothing of its memory.  Those of any thread that lives do.
 */
static bool find_living(int proc, const char *pid, char *ret, size_t size)
{
        char path[32];

        snprintf(path, sizeof(path), "%.16s/task", pid);
        int fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        autodir *dir = fd_take_dir(&fd);
        struct dirent *entry;

        if (!dir)
                return false;
        while ((entry = readdir(dir))) {
                struct raw_stat raw;

                snprintf(ret, size, "%.31s/%.16s", path, entry->d_name);
                if (entry->d_name[0] != '.' && read_raw(proc, ret, &raw) && raw.state != 'Z' &&
                    raw.state != 'X')
                        return true;
        }
        return false;
}

bool task_read_stat(int proc, const char *pid, struct task_stat *ret)
{
        struct raw_stat raw;
        struct raw_stat living;
        char thread[64];

        if (!read_raw(proc, pid, &raw))
                return false;
        if (raw.state == 'Z' && raw.n_threads > 1 &&
            find_living(proc, pid, thread, sizeof(thread)) && read_raw(proc, thread, &living))
                raw.pages = living.pages;
        *ret = (struct task_stat){
                .parent = raw.parent,
                .ticks = raw.ticks[0] + raw.ticks[1] + raw.ticks[2] + raw.ticks[3],
                .n_threads = raw.n_threads,
                .resident = raw.pages * ((uint64_t)sysconf(_SC_PAGESIZE) / 1024),
        };
        return true;
}

/* "Name:  123 kB": the number, or 0. */
static uint64_t get_number(const char *text, const char *name)
{
        const char *at = strstr(text, name);

        return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static ssize_t read_rollup(int proc, const char *task, char *text, size_t size)
{
        char path[96];

        snprintf(path, sizeof(path), "%.63s/smaps_rollup", task);
        return io_read_small(proc, path, text, size);
}

bool task_read_memory(int proc, const char *pid, struct task_memory *ret)
{
        char thread[64];
        char text[2048];

        if (read_rollup(proc, pid, text, sizeof(text)) <= 0 &&
            (!find_living(proc, pid, thread, sizeof(thread)) ||
             read_rollup(proc, thread, text, sizeof(text)) <= 0))
                return false;
        ret->proportional = get_number(text, "\nPss:") + get_number(text, "\nSwapPss:");
        ret->shmem = get_number(text, "\nPss_Shmem:");
        return true;
}
