#ifndef KELP_SANDBOX_LANDLOCK_H
#define KELP_SANDBOX_LANDLOCK_H

#include "plan.h"
#include "tree.h"

/*
 * The second wall: what the mounts allow, said again to Landlock, so that a hole in one is not a
 * hole in both.  To the best ABI that the kernel has; a kernel without Landlock has the mounts
 * alone, which kelp doctor says.  Signals and abstract sockets to the outside are closed too.
 * With --allow-userns only these two are: nested sandboxes must mount, which Landlock forbids.
 * Source: the kernel's userspace-api/landlock.rst.
 */
int landlock_enter(const struct plan *p, const struct tree *t, struct err *e);

#endif
