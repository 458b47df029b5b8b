#ifndef KELP_OCI_SYSCTL_H
#define KELP_OCI_SYSCTL_H

#include "rootfs.h"

/* linux.sysctl: config.h has seen that each belongs to a namespace of the container's own. */

/* Has r->proc_sys, where it is still missing and needed: of the host's /proc, before the pivot. */
int sysctl_prepare(const struct bundle *b, struct rootfs *r, struct err *e);

/*
 * Writes them.  Which namespace is meant is the caller's, whoever mounted the /proc; that it is a real one
 * was seen, and no symlink or mount in it is followed (CVE-2025-52881).
 */
int sysctl_write(const struct bundle *b, const struct rootfs *r, struct err *e);

#endif
