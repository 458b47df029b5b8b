#ifndef KELP_SANDBOX_NAMES_H
#define KELP_SANDBOX_NAMES_H

#include "plan.h"
#include "tree.h"

/*
 * Adds the small files that name users and hosts, where the root's own would not do: resolv.conf,
 * hosts, hostname, passwd, group.  In a host view each is set on what the name really leads to.
 * With `fakes_root` also what tells programs of the image that there is nobody to become.
 */
int names_add(const struct plan *p, bool fakes_root, struct tree *t, struct err *e);

#endif
