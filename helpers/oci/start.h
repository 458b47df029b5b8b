#ifndef KELP_OCI_START_H
#define KELP_OCI_START_H

#include "container.h"

/*
 * What `start` and `run` have in common: the command is executed, then the poststart hooks run.  One that
 * fails is said, and no more: runtime-spec 1.0.2, "Lifecycle".  The container is locked; `b` is its config,
 * or NULL, which has it read; `sock` and *ret_notify, for notify_wait(), are as of launch_start().
 */
int start_container(struct container *c, int sock, const struct bundle *b, int *ret_notify,
                    struct err *e);

#endif
