#ifndef KELP_OCI_BECOME_LIMITS_H
#define KELP_OCI_BECOME_LIMITS_H

#include "bundle.h"

/*
 * process.oomScoreAdj, if it is not what this process has already.  It is written to a file of /proc that
 * an undumpable process may not write: before it is one.  Errors: EACCES, where it is lower than the
 * lowest that this user may have.
 */
int become_set_oom_score(const struct bundle *b, struct err *e);

/* process.rlimits, each exactly. */
int become_set_rlimits(const struct bundle *b, struct err *e);

#endif
