#ifndef KELP_LIFE_OBSERVE_CWD_H
#define KELP_LIFE_OBSERVE_CWD_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Current directories of processes.  A compiler looks for each header in a dozen directories by names
 * that are relative, and to ask the kernel each time where it stands costs more than all the rest.
 */

#define OBSERVE_CWDS 32

struct observe_cwd {
        pid_t pid; /* of the thread; 0: nothing is known */
        uint32_t generation;
        int64_t until_ns; /* CLOCK_MONOTONIC_COARSE */
        char path[256];
};

struct observe_cwds {
        struct observe_cwd items[OBSERVE_CWDS];
        uint32_t generation;
};

/* Where `pid` stands, as the kernel names it; false: it cannot be told. */
bool observe_cwds_find(struct observe_cwds *c, pid_t pid, char ret[PATH_MAX]);

/* Somebody is about to change a current directory, or the name of one. */
void observe_cwds_forget(struct observe_cwds *c);

#endif
