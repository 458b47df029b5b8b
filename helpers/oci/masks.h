#ifndef KELP_OCI_MASKS_H
#define KELP_OCI_MASKS_H

#include "rootfs.h"

/*
 * linux.readonlyPaths and linux.maskedPaths, after the pivot.  A masked directory is covered by an empty
 * one, a masked file by the container's null device, which was looked at (CVE-2025-31133); a path that is
 * not there needs neither.  All paths are resolved in the root, and each mount is seen to be in its place.
 */
int masks_add(const struct bundle *b, const struct rootfs *r, struct err *e);

#endif
