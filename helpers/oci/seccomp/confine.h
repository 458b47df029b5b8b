#ifndef KELP_OCI_SECCOMP_CONFINE_H
#define KELP_OCI_SECCOMP_CONFINE_H

#include "err.h"

/*
 * Before the profile is read: this process keeps its standard streams and `fd`, has memory and
 * processor time for an honest profile, and no file, process or network any more.  What libseccomp and
 * jansson ask of the kernel once is asked before.
 */
int confine_enter(int fd, struct err *e);

#endif
