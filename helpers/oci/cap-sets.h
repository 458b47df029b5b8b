#ifndef KELP_OCI_CAP_SETS_H
#define KELP_OCI_CAP_SETS_H

#include "bundle.h"

/*
 * The five sets of capabilities of a process, each exactly as it was asked for: by capset(2) and
 * prctl(2) alone, for libcap has no call that sets all of them without looking at the others.
 * Source: capabilities(7); security/commoncap.c, cap_capset().
 */

/* What of the ambient set the kernel refuses: a capability must be permitted and inheritable for it. */
uint64_t cap_sets_lost_ambient(const struct bundle_caps *caps);

/* While the process may still do so (CAP_SETPCAP): takes all but `caps` off the bounding set. */
int cap_sets_drop_bounding(const struct bundle_caps *caps, struct err *e);

/*
 * With the uid of the command, its permitted set kept over the change: the other four, all five read
 * back.  Errors: EPERM for one that the process does not have itself.
 */
int cap_sets_set(const struct bundle_caps *caps, struct err *e);

#endif
