#ifndef KELP_OCI_SECCOMP_WORDS_H
#define KELP_OCI_SECCOMP_WORDS_H

#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The words of linux.seccomp.  Source: opencontainers/runtime-spec 1.3.0, config-linux.md, Seccomp.
 * All find functions return NULL for what the specification does not have; *ret_nearest, then, is what
 * may have been meant, or NULL.
 */

struct word_action {
        const char *name;
        uint32_t action;   /* SCMP_ACT_*, without data */
        uint32_t max_data; /* of errnoRet; 0: it takes none */
        bool is_passing;   /* the call is made */
};

struct word_op {
        const char *name;
        enum scmp_compare op;
};

/* 0: libseccomp does not know it. */
struct word_arch {
        const char *name;
        uint32_t token;
};

struct word_flag {
        const char *name;
        uint32_t flag;
};

const struct word_action *word_find_action(const char *name, const char **ret_nearest);
const struct word_op *word_find_op(const char *name, const char **ret_nearest);
const struct word_flag *word_find_flag(const char *name, const char **ret_nearest);
bool word_find_arch(const char *name, struct word_arch *ret, const char **ret_nearest);

#endif
