#ifndef KELP_SANDBOX_AUDIT_H
#define KELP_SANDBOX_AUDIT_H

#include "plan.h"
#include "tree.h"

#include <stdint.h>

/*
 * The namespaces of a process, by inode: mnt, pid, net, ipc, uts, cgroup.  The user namespace is
 * proved by its maps, which were read back.
 */
#define AUDIT_NAMESPACES 6

struct audit_namespaces {
        uint64_t inode[AUDIT_NAMESPACES];
};

/* The calling process's own. */
int audit_read_namespaces(struct audit_namespaces *ret, struct err *e);

/*
 * Both compare what was built with what was asked, before the payload becomes what it is to run.
 * Any difference is an error.
 *
 * Namespaces: the calling process, which is to become the payload, has none of `outer`'s.
 */
int audit_namespaces(const struct plan *p, const struct audit_namespaces *outer, struct err *e);

/*
 * Mounts: each is on the list, private, and with at least the flags that the list gives it; every
 * entry of the list that is a mount is there, unless its place is not and need not be.
 */
int audit_mounts(const struct plan *p, const struct tree *t, struct err *e);

#endif
