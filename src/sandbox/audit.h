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
 * Compares what pid 1 built with what was asked, just before there is a payload: every namespace is
 * another one than `outer`'s; every mount is on the list, private, and with at least the flags that
 * the list gives it; every entry of the list that is a mount is there, unless its place is not and
 * need not be.  Any difference is an error.
 */
int audit_box(const struct plan *p, const struct tree *t, const struct audit_namespaces *outer,
              struct err *e);

#endif
