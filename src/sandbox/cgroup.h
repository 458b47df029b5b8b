#ifndef KELP_SANDBOX_CGROUP_H
#define KELP_SANDBOX_CGROUP_H

#include "cgroup-place.h"
#include "limit-tier.h"
#include "plan.h"

/*
 * The sandbox's own cgroup.  It is born in it: no process of it was ever anywhere else, and none can
 * leave, having no file of any cgroup within reach.  Its limits are written before the payload may
 * start, so that what kelp itself needs for the launch is not counted against it.
 */

struct cgroup {
        int parent;    /* the cgroup that it is made in; -1: there is none */
        int dir;       /* its own; locked for as long as somebody needs it */
        char name[24]; /* below the parent */
};

#define CGROUP_NONE                                                                                \
        {                                                                                          \
                .parent = -1, .dir = -1                                                            \
        }

/* What the kernel has counted in it. */
struct cgroup_events {
        uint64_t n_killed;  /* processes that were killed for want of memory */
        uint64_t n_refused; /* forks */
};

/*
 * Opens the place, from where the caller goes into a child of it if it is his own, and has it hand
 * `controllers` down.  *ret is the caller's.
 */
int cgroup_open_place(const struct cgroup_place *place, unsigned controllers, int *ret,
                      struct err *e);

/*
 * Makes one as the tiers have it, and removes those of kelps that were killed.  Leaves our own
 * cgroup for a child of it where that is the place.
 */
int cgroup_make(const struct limit_tiers *tiers, struct cgroup *ret, struct err *e);

/* Sets all limits that the tiers leave to a cgroup. */
int cgroup_set_limits(const struct cgroup *c, const struct plan_limits *limits,
                      const struct limit_tiers *tiers, struct err *e);

/* Puts the calling process into it, if there is one: for what enters a sandbox later. */
int cgroup_join(const struct cgroup *c, struct err *e);

/* All zero where there is no cgroup, or no such limit. */
struct cgroup_events cgroup_get_events(const struct cgroup *c);

/*
 * Ends every process of it at once: frozen first, so that none of them gets a turn meanwhile.  False
 * where there is no cgroup, or a kernel older than 5.14: then it is left as it was.
 */
bool cgroup_kill(const struct cgroup *c);

/* When no process of it is needed any more: kills what is left, and removes it. */
void cgroup_remove(struct cgroup *c);

/* Gives up the descriptors alone: in a process that has a copy of them. */
void cgroup_drop(const struct cgroup *c);

#endif
