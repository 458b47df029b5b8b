#ifndef KELP_TEST_SECCOMP_BUILT_H
#define KELP_TEST_SECCOMP_BUILT_H

#include "call-program.h"
#include "groups.h"
#include "policy.h"
#include "test-seccomp-vm.h"

#include <stdbool.h>
#include <stdint.h>

/* The filters of the shipped policies, in each variant, on each architecture. */

#define N_ARCHS    2
#define N_POLICIES 8
#define N_FILTERS  (N_ARCHS * N_POLICIES)
#define SWEEP_MAX  600

struct built {
        const char *arch_name;
        struct groups groups;
        struct policy policy;
        struct call_program *program;
        uint32_t arch;
};

/* By architecture, and then by policy; made once, before the tests. */
extern struct built built_filters[N_FILTERS];

/* Compiles them; 0, or -1 when the reason is on stderr. */
int built_make_all(const char *groups, const char *policy_dir);
void built_free_all(void);

#define REFUSED(code) (SECCOMP_RET_ERRNO | (uint32_t)(code))
#define FAKED         SECCOMP_RET_ERRNO

/* What the filter says to call `nr` with these arguments. */
uint32_t built_ask(const struct built *b, int nr, uint64_t a0, uint64_t a1, uint64_t a2);

/* The number of the call `name`; -1: not on this architecture.  An unknown name fails the test. */
int built_number(const struct built *b, const char *name);

/* Whether its policy has no sockets at all. */
bool built_is_silent(const struct built *b);

/* Whether argument rules count for call `nr`. */
bool built_has_rules(const struct built *b, int nr);

#endif
