#ifndef KELP_BASE_CALL_PROGRAM_H
#define KELP_BASE_CALL_PROGRAM_H

#include "call-rules.h"
#include "call-table.h"
#include "err.h"

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A compiled filter: classic BPF over struct seccomp_data, for seccomp(2). */
struct call_program {
        size_t len;
        struct sock_filter insns[];
};

/* What a filter is made for. */
struct call_machine {
        uint32_t arch;           /* AUDIT_ARCH_* */
        const int *rule_numbers; /* by row of call_rules: the number of its call; -1: none */
        const bool *is_hot;      /* by number: deserves a short way through the filter */
};

/*
 * Compiles a finished table.  *ret belongs to the caller (free).  Errors: E2BIG when it does not fit
 * into BPF_MAXINSNS instructions.
 */
int call_program_build(struct call_program **ret, const struct call_table *t,
                       const struct call_variant *variant, const struct call_machine *m,
                       struct err *e);

#endif
