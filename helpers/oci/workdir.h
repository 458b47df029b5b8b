#ifndef KELP_OCI_WORKDIR_H
#define KELP_OCI_WORKDIR_H

#include "err.h"

#include <stdbool.h>

/*
 * Enters process.cwd, inside the root.  `may_make`: a missing one is made, mode 0755, as other runtimes
 * do for a new container.  It must be a place of the container's: a name like /proc/self/fd/7 may lead
 * out of the root, where whoever is there has the host (CVE-2024-21626).
 */
int workdir_enter(const char *path, bool may_make, struct err *e);

#endif
