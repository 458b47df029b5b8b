#ifndef KELP_OCI_LABELS_H
#define KELP_OCI_LABELS_H

#include "become.h"

/*
 * process.apparmorProfile and process.selinuxLabel, for what is executed next.  Where the kernel has no
 * such security module that is said, and the container goes on without, as with other runtimes.
 */
int labels_set(const struct become_spec *spec, struct err *e);

#endif
