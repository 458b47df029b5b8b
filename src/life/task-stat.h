#ifndef KELP_LIFE_TASK_STAT_H
#define KELP_LIFE_TASK_STAT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What the kernel tells of one process to whoever may see it. */

struct task_stat {
        pid_t parent;
        uint64_t ticks; /* of processors; with those of children that were waited for */
        uint64_t n_threads;
        uint64_t resident; /* kilobytes */
};

struct task_memory {
        uint64_t proportional; /* kilobytes, with what is swapped out */
        uint64_t shmem;        /* the part of it that may be in a file system */
};

/* `proc` is a /proc, `pid` a name in it.  Both are false when the process is gone or says nothing. */
bool task_read_stat(int proc, const char *pid, struct task_stat *ret);
/* Takes the kernel a walk over the page tables. */
bool task_read_memory(int proc, const char *pid, struct task_memory *ret);

#endif
