#ifndef KELP_SECCOMP_POLICY_H
#define KELP_SECCOMP_POLICY_H

#include "call-program.h"
#include "call-rules.h"
#include "call-table.h"
#include "err.h"
#include "groups.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * What a policy file says about system calls.  Of the file, only this is read here:
 *
 *     [policy]
 *     extends = NAME          the policy that this one starts from: DIR/NAME.policy
 *     [syscalls]
 *     default = ENOSYS        what a call says that nothing names: ENOSYS, EPERM or kill
 *     allow = WORD...         calls and @groups, as call-word.h has them
 *     deny = WORD...          refused; the word or the groups file says with which error
 *     log = WORD...           of what is allowed, these are also written to the kernel's log
 *     fake = WORD...          of what is allowed, the variant for --fake-root answers these with
 *                             success and does nothing
 *
 * Keys may be repeated.  call-table.h says what counts when several lines are about one call.  An
 * unknown section, key or word is an error: a slip of the hand never loosens.
 */

struct policy {
        char name[GROUPS_MAX_WORD];
        struct arena arena;
        struct call_table table; /* in `arena` */
        struct call_variant variant;
};

struct policy_source {
        const char *path;
        const char *dir; /* where extended policies are; NULL: beside the file */
        struct call_variant variant;
};

/*
 * Reads the policy; its name is that of the file, with "+userns" and "+fakeroot" behind it where
 * the variant has them.  *ret is to be freed with policy_done(), also on error.  Errors: fake_root
 * of a policy without a `fake`.
 */
int policy_read(struct policy *ret, const struct policy_source *source, struct groups *g,
                struct err *e);

void policy_done(struct policy *p);

/* Compiles it for the architecture of `g`, as call_program_build(). */
int policy_compile(struct call_program **ret, const struct policy *p, const struct groups *g,
                   struct err *e);

#endif
