#ifndef KELP_SANDBOX_HOST_ROOT_H
#define KELP_SANDBOX_HOST_ROOT_H

#include "plan.h"
#include "tree.h"

/*
 * The base of a host view: a tmpfs with the host's top-level directories bound into it, read-only,
 * but for those that the policy wants empty and those that every sandbox has of its own.
 */
int host_root_add(const struct plan *p, struct tree *t, struct err *e);

/*
 * The home is there and empty, wherever it is: many programs fail without one.  To be called when
 * the rules have been added, which may have put a file system above it.
 */
int host_root_add_home(const struct plan *p, struct tree *t, struct err *e);

#endif
