#ifndef KELP_SECCOMP_PROGRAM_H
#define KELP_SECCOMP_PROGRAM_H

#include "err.h"
#include "groups.h"
#include "policy.h"

#include <linux/filter.h>
#include <stddef.h>

/* A compiled filter: classic BPF over struct seccomp_data, for seccomp(2). */
struct program {
        struct sock_filter insns[BPF_MAXINSNS];
        size_t len;
};

/*
 * Compiles the policy for the architecture that `g` was read for.  *ret belongs to the caller
 * (free).  Errors: E2BIG when it does not fit into BPF_MAXINSNS instructions.
 */
int program_build(struct program **ret, const struct policy *p, const struct groups *g,
                  struct err *e);

#endif
