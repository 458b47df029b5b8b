#ifndef KELP_TEST_SECCOMP_VM_H
#define KELP_TEST_SECCOMP_VM_H

#include "call-word.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the kernel does with a filter, written from its document and not from our generator. */

struct vm_result {
        uint32_t action;
        unsigned steps; /* instructions that were run */
        bool looked_at_args;
        bool is_broken; /* an instruction that seccomp refuses, a jump out, no return */
};

struct vm_result vm_run(const struct sock_filter *insns, size_t len,
                        const struct seccomp_data *data);

/* What the kernel's bitmap would say: allowed for this arch and number whatever the arguments. */
bool vm_is_always_allowed(const struct sock_filter *insns, size_t len, uint32_t arch, int nr);

/*
 * One system call with many arguments: calls `each` for every one of them.  The values are those
 * that filters compare with, their neighbours, single bits and extremes, alone and together, with
 * the upper halves clear and set.
 */
void vm_sweep_args(uint32_t arch, int nr, void (*each)(const struct seccomp_data *data, void *user),
                   void *user);

/* What a condition of a rule means, of the arguments of a call. */
bool vm_holds(const struct call_cond *cond, const __u64 *args);

/* The name of an action as the golden table has it. */
const char *vm_action_name(uint32_t action);

#endif
