#ifndef KELP_LIFE_OBSERVE_CONFINE_H
#define KELP_LIFE_OBSERVE_CONFINE_H

#include "err.h"

#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>

/* Linux 6.6; older headers lack it. */
#define OBSERVE_NOTIF_SET_FLAGS SECCOMP_IOW(4, uint64_t)

/*
 * What the observer has left of its user's rights: the descriptors in `keep` (three or higher, in
 * any order), to look names up, to read the memory of the sandbox's processes and small files, and
 * to talk by the sockets that it has.  Nothing is written into a file; no new sockets, processes or
 * programs.
 */
int observe_confine(int *keep, size_t n, int launcher_pidfd, struct err *e);

#endif
