#ifndef KELP_BASE_CPU_H
#define KELP_BASE_CPU_H

#include "err.h"

#include <sched.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * Two processes of a launch that have work to do are to do it side by side.  A new process waits on
 * the processor of its parent, until that sleeps or another processor looks for work; in virtual
 * machines an idle processor often does not count as one, and nothing overlaps.  So the parent moves
 * a child that it has just forked.
 */

struct cpu_choice {
        cpu_set_t all;  /* the processors that the caller of kelp may use */
        bool is_useful; /* there are several, and they are known */
};

void cpu_choose(struct cpu_choice *ret);

/*
 * Moves `child` to another processor than ours if it is still there; it may run on all of them
 * again when this returns.  Where it cannot be moved it stays: slower, that is all.  An error is
 * only what would leave it with fewer processors than it had.
 */
int cpu_put_apart(const struct cpu_choice *c, pid_t child, struct err *e);

/*
 * The same for a child that nobody can move once it runs, as a setuid program: the choice is made before
 * it is forked, of all processors but the caller's, and the child leaves for them by itself, for good.
 */
void cpu_choose_others(struct cpu_choice *ret);
void cpu_leave(const struct cpu_choice *others);

#endif
