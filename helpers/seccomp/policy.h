#ifndef KELP_SECCOMP_POLICY_H
#define KELP_SECCOMP_POLICY_H

#include "err.h"
#include "groups.h"
#include "rules.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * What a policy file says about system calls.  Of the file, only this is read here:
 *
 *     [policy]
 *     extends = NAME          the policy that this one starts from: DIR/NAME.policy
 *     [syscalls]
 *     default = ENOSYS        what a call says that nothing names: ENOSYS, EPERM or kill
 *     allow = WORD...         calls and @groups
 *     deny = WORD...          refused; the groups file says with which error
 *     log = WORD...           of what is allowed, these are also written to the kernel's log
 *     fake = WORD...          of what is allowed, the variant for --fake-root answers these with
 *                             success and does nothing
 *
 * Keys may be repeated.  Of one file, deny wins over allow whatever their order, so that a second
 * line can only tighten; a file wins over the one that it extends.  An unknown section, key or
 * word is an error: a slip of the hand never loosens.
 */

struct policy {
        char name[GROUPS_MAX_WORD];
        uint32_t fallback;           /* SECCOMP_RET_* of what nothing names */
        uint32_t actions[CALLS_MAX]; /* SECCOMP_RET_* by number */
        bool is_named[CALLS_MAX];    /* else `actions` holds the fallback */
        bool is_fake[CALLS_MAX];     /* what `fake` names, in every variant */
        bool has_fakes;              /* there is a variant for --fake-root */
        struct variant variant;
};

struct policy_source {
        const char *path;
        const char *dir; /* where extended policies are; NULL: beside the file */
        struct variant variant;
};

/*
 * Reads the policy; its name is that of the file, with "+userns" and "+fakeroot" behind it where
 * the variant has them.  Errors: fake_root of a policy without a `fake`.
 */
int policy_read(struct policy *ret, const struct policy_source *source, struct groups *g,
                struct err *e);

#endif
