#ifndef KELP_OCI_SCHEDULER_H
#define KELP_OCI_SCHEDULER_H

#include "bundle.h"

/* process.scheduler, by sched_setattr(2), and process.ioPriority, by ioprio_set(2), as far as set. */
int scheduler_set(const struct bundle_process *p, struct err *e);

/*
 * process.execCPUAffinity: the processors of a list as "0-3,7", by sched_setaffinity(2).  `list` may be
 * NULL: nothing; `name` is its key, for messages.
 */
int scheduler_set_affinity(const char *list, const char *name, struct err *e);

#endif
