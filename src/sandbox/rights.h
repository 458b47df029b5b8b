#ifndef KELP_SANDBOX_RIGHTS_H
#define KELP_SANDBOX_RIGHTS_H

#include "identity.h"
#include "plan.h"

/*
 * Capabilities of a process inside the sandbox's own user namespace.
 * Source: capabilities(7), libcap's cap_get_bound(3) and cap_iab(3).
 */

/*
 * Empties the ambient set, takes what the plan does not keep off the bounding set, and without
 * anything kept locks the rule that uid 0 gains nothing by exec.
 */
int rights_drop_bounding(const struct plan_confine *c, struct err *e);

/* Reads the bounding set: it must have nothing but what the plan keeps. */
int rights_check_bounding(const struct plan_confine *c, struct err *e);

int rights_no_new_privs(struct err *e);

/* A fresh session keyring, so that the user's own keys are not within reach.  Source: keyctl(2). */
int rights_leave_keyring(struct err *e);

/* Becomes the user of the payload; sets exactly `keep` as permitted and effective; reads it back. */
int rights_become(const struct identity *id, uint64_t keep, struct err *e);

/* Sets exactly `keep` as permitted and effective, nothing as inheritable; reads it back. */
int rights_set(uint64_t keep, struct err *e);

#endif
