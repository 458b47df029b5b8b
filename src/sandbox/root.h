#ifndef KELP_SANDBOX_ROOT_H
#define KELP_SANDBOX_ROOT_H

#include "plan.h"
#include "tree.h"

/*
 * Turns the plan into the list of what the root is made of.  Runs on the host, before there is any
 * namespace: every source is opened here once, judged by that descriptor, and named by the path
 * that the kernel gives for it.  What is mounted later is compared with it.
 *
 * `fakes_root` is plan_fakes_root() of the maps that the run has.
 *
 * Errors name the rule and where it came from.  An entry of a policy that is absent and marked
 * "if it exists" is left out; anything else that cannot be applied is an error.
 */
int tree_build(const struct plan *p, bool fakes_root, struct tree *t, struct err *e);

#endif
