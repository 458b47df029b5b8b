#ifndef KELP_OCI_END_H
#define KELP_OCI_END_H

#include "container.h"

/*
 * Ends a container and removes it, running or not: what `delete` does, and `run` at its end.  It is
 * locked; `b` is its config, or NULL, which has it read where it is needed.
 */
int end_container(struct container *c, const struct bundle *b, struct err *e);

#endif
