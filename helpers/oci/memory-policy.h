#ifndef KELP_OCI_MEMORY_POLICY_H
#define KELP_OCI_MEMORY_POLICY_H

#include "bundle.h"

/*
 * linux.memoryPolicy, by set_mempolicy(2), which the command inherits; nothing where it is not set.
 * ENOSYS: a kernel without NUMA.
 */
int memory_policy_set(const struct bundle_memory_policy *p, struct err *e);

#endif
