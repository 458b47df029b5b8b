#ifndef KELP_CLI_POLICY_WARN_H
#define KELP_CLI_POLICY_WARN_H

#include "asked-plan.h"

/*
 * Warns on stderr of lines that are right and yet not what was meant: they have no effect, or name
 * what is not there.  Only those of the policies that were named (`a->options`), or of all files when
 * none was.  *ret_n: how many.
 */
int policy_warn(struct asked_plan *a, size_t *ret_n, struct err *e);

#endif
