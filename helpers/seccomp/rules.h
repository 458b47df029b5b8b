#ifndef KELP_SECCOMP_RULES_H
#define KELP_SECCOMP_RULES_H

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

enum rule_test {
        RULE_NONE,    /* no condition */
        RULE_EQUAL,   /* (argument & mask) == value */
        RULE_DIFFERS, /* (argument & mask) != value */
        RULE_ABOVE,   /* (argument & mask) > value, unsigned */
        RULE_ANY_BIT, /* (argument & value) != 0 */
};

struct rule_cond {
        enum rule_test test;
        unsigned arg;
        uint32_t mask;
        uint32_t value;
};

#define RULE_MAX_CONDS 2

/* One policy makes several filters: what options of kelp run ask of them. */
struct variant {
        bool allow_userns; /* --allow-userns: nested sandboxes may be made inside */
        bool fake_root;    /* --fake-root: what a policy's `fake` names is answered, not done */
};

/* When the rule counts: a variant has some of its own, and lacks some. */
enum rule_scope {
        RULE_ALWAYS,
        RULE_WITHOUT_USERNS,
        RULE_WITH_USERNS,
        RULE_WITHOUT_FAKES,
        RULE_WITH_FAKES,
};

/* In the place of an error: the call says that it worked, and does nothing.  Source: seccomp(2),
 * SECCOMP_RET_ERRNO with no error in its data. */
#define RULE_FAKE (-1)

struct rule {
        const char *call;
        enum rule_scope scope;
        struct rule_cond conds[RULE_MAX_CONDS];
        int refuse;       /* errno; 0: allow; RULE_FAKE */
        const char *text; /* the conditions in words */
};

#define RULES_MAX 100

/* The rows, those of one call side by side. */
extern const struct rule rules_table[];
extern const size_t rules_count;

bool rules_count_for(const struct rule *rule, const struct variant *variant);

/* The SECCOMP_RET_* of a row that holds, where the policy's own answer is `allowed`. */
uint32_t rules_action(const struct rule *rule, uint32_t allowed);

#endif
