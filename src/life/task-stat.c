#include "task-stat.h"

#include "io.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Of "stat", not of "status": a process with thousands of groups has the latter as long as it likes.
 * Source: proc_pid_stat(5), fields 4, 14 to 17, 20 and 24.
 */
bool task_read_stat(int proc, const char *pid, struct task_stat *ret)
{
        unsigned long long own[2], of_children[2], n_threads, pages;
        char path[64];
        char text[1024];
        int parent;

        snprintf(path, sizeof(path), "%.16s/stat", pid);
        if (io_read_small(proc, path, text, sizeof(text)) <= 0)
                return false;
        /* the name is of the process's own choice, and in parentheses */
        const char *at = strrchr(text, ')');
        if (!at ||
            sscanf(at + 1,
                   " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %llu %llu %*d %*d %llu"
                   " %*d %*u %*u %llu",
                   &parent, &own[0], &own[1], &of_children[0], &of_children[1], &n_threads,
                   &pages) != 7)
                return false;
        *ret = (struct task_stat){
                .parent = parent,
                .ticks = own[0] + own[1] + of_children[0] + of_children[1],
                .n_threads = n_threads,
                .resident = pages * ((uint64_t)sysconf(_SC_PAGESIZE) / 1024),
        };
        return true;
}

/* "Name:  123 kB": the number, or 0. */
static uint64_t get_number(const char *text, const char *name)
{
        const char *at = strstr(text, name);

        return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

bool task_read_memory(int proc, const char *pid, struct task_memory *ret)
{
        char path[64];
        char text[2048];

        snprintf(path, sizeof(path), "%.16s/smaps_rollup", pid);
        if (io_read_small(proc, path, text, sizeof(text)) <= 0)
                return false;
        ret->proportional = get_number(text, "\nPss:") + get_number(text, "\nSwapPss:");
        ret->shmem = get_number(text, "\nPss_Shmem:");
        return true;
}
