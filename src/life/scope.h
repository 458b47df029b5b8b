#ifndef KELP_LIFE_SCOPE_H
#define KELP_LIFE_SCOPE_H

#include "limit-tier.h"

/*
 * Asks the user's systemd for a scope, by kelp-scope, where the tiers need one: this process is moved
 * to it, and is alone there.  A scope that cannot be had is an error where a limit needs it; where
 * looks from outside do instead, that is said.
 */
int scope_get(const struct plan_limits *limits, struct limit_tiers *tiers, struct err *e);

#endif
