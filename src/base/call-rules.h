#ifndef KELP_BASE_CALL_RULES_H
#define KELP_BASE_CALL_RULES_H

#include "call-word.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Rules about arguments.  They stand between "allowed" and the kernel: a policy that refuses a
 * call refuses it whatever the arguments are, one that allows it means "as far as these rules go".
 *
 * The rows of one call are tried in order, the first that holds decides, and a call that no row
 * decides is allowed; a row without conditions always holds.
 *
 * All arguments judged here are 32 bits wide in the kernel, which ignores the upper half of the
 * register.  So does every comparison here: one of all 64 bits is passed by setting a high bit
 * (CVE-2019-10063).
 */

#define CALL_RULE_MAX_CONDS 2

/* One policy makes several filters: what options of kelp run ask of them. */
struct call_variant {
        bool allow_userns; /* --allow-userns: nested sandboxes may be made inside */
        bool fake_root;    /* --fake-root: what a policy's `fake` names is answered, not done */
};

/* When the rule counts: a variant has some of its own, and lacks some. */
enum call_rule_scope {
        CALL_RULE_ALWAYS,
        CALL_RULE_WITHOUT_USERNS,
        CALL_RULE_WITH_USERNS,
        CALL_RULE_WITHOUT_FAKES,
        CALL_RULE_WITH_FAKES,
};

/* In the place of an error: the call says that it worked, and does nothing.  Source: seccomp(2),
 * SECCOMP_RET_ERRNO with no error in its data. */
#define CALL_RULE_FAKE (-1)

struct call_rule {
        const char *call;
        enum call_rule_scope scope;
        struct call_cond conds[CALL_RULE_MAX_CONDS];
        int refuse;       /* errno; 0: allow; CALL_RULE_FAKE */
        const char *text; /* the conditions in words */
};

#define CALL_RULES_MAX 100

/* The rows, those of one call side by side. */
extern const struct call_rule call_rules[];
extern const size_t call_rules_count;

bool call_rule_counts_for(const struct call_rule *rule, const struct call_variant *variant);

/* The SECCOMP_RET_* of a row that holds, where the policy's own answer is `allowed`. */
uint32_t call_rule_action(const struct call_rule *rule, uint32_t allowed);

#endif
