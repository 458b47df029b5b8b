#ifndef KELP_COMMON_SYSCALL_FILTER_H
#define KELP_COMMON_SYSCALL_FILTER_H

#include "err.h"

#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>

/* What the filters of helpers have in common; each makes its own rules by libseccomp. */

/* A rule without conditions for each of `calls`.  Returns 0 or a negative errno, as libseccomp. */
int syscall_filter_add(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t n);

/*
 * Binds this process to the filter, which is released in any case.  `r` is what came of its rules:
 * one that lacks any is an error, and not loaded.
 */
int syscall_filter_enter(scmp_filter_ctx filter, int r, struct err *e);

#endif
