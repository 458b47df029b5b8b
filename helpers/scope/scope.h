#ifndef KELP_SCOPE_SCOPE_H
#define KELP_SCOPE_SCOPE_H

#include "err.h"

#include <stdint.h>

/*
 * A transient scope of the user's systemd, for one process, whose cgroup is delegated: below it
 * cgroups can be made, and it is removed when its last process has gone.
 *
 * Sources: org.freedesktop.systemd1(5), systemd's CGROUP_DELEGATION.md.
 */

/*
 * Asks for the scope `unit` and waits until `pid` is in it.  *ret_path is the path of its cgroup,
 * below the place where they are mounted; the caller's (free).  `slice` may be NULL.
 */
int scope_start(uint32_t pid, const char *unit, const char *slice, char **ret_path, struct err *e);

/* Has `pid` moved to the cgroup `below` ("/container") that of a scope that there is. */
int scope_attach(uint32_t pid, const char *unit, const char *below, struct err *e);

#endif
