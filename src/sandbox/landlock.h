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
 *
 * *ret_rules is what was entered, for landlock_join(), and the caller's; -1 without Landlock.
 */
int landlock_enter(const struct plan *p, const struct tree *t, int *ret_rules, struct err *e);

/* Whether this kernel, and the plan, make it give rules away: -1 is in *ret_rules otherwise. */
int landlock_has_rules(const struct plan *p, bool *ret, struct err *e);

/*
 * Enters `rules`, those of another process of the same sandbox, with the plan's own descriptors added:
 * the same walls, whatever lies behind the names by now.  The rules are changed by that: whoever
 * enters them later may do the same to these files, of which it has none.
 */
int landlock_join(const struct plan *p, int rules, struct err *e);

#endif
