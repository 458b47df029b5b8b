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
 * a child that was just forked, and the child takes the wider choice back before anything else.
 *
 * Only speed depends on it.
 */

struct cpu_choice {
        cpu_set_t all;  /* the processors that the caller of kelp may use */
        bool is_useful; /* there are several, and they are known */
};

void cpu_choose(struct cpu_choice *ret);

/* Moves `child`, which has not run yet or does not mind, to another processor than ours. */
void cpu_put_apart(const struct cpu_choice *c, pid_t child);

/* The moved child: may run everywhere again.  An error only if it may not. */
int cpu_take_all(const struct cpu_choice *c, struct err *e);

#endif
