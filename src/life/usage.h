#ifndef KELP_LIFE_USAGE_H
#define KELP_LIFE_USAGE_H

#include "box-status.h"
#include "err.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What sandboxes use, seen from outside, without a word with their supervisors: by their cgroups,
 * as far as they have one; else by their processes, which are those below pid 1 and those that
 * kelp exec has put there.  Files in memory are counted by a cgroup alone.
 */

struct usage {
        uint64_t cpu_us;    /* since its start */
        uint64_t memory;    /* bytes */
        uint64_t processes; /* and threads, but for pid 1 */
};

struct usage_task;

/* All processes of this machine, looked at once for all sandboxes. */
struct usage_look {
        int proc;
        char cgroups[PATH_MAX / 2]; /* where they are mounted; "": nowhere */
        struct usage_task *tasks;   /* in the order of their pids */
        size_t n;
};

int usage_look(struct usage_look *ret, struct err *e);
void usage_look_done(struct usage_look *look);

/* False when its pid 1 is no more. */
bool usage_get(const struct usage_look *look, const struct box_status *box, struct usage *ret);

#endif
