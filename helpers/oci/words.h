#ifndef KELP_OCI_WORDS_H
#define KELP_OCI_WORDS_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * The words of a command line: "--name", "--name=value", "--name value", "-n value", "-nvalue",
 * "-n=value"; "--" ends them.  A flag may be told "--name=true" and "--name=false", as runc's may.
 * Letters of flags may stand together.  Options and operands may be mixed unless `stops` is set (exec: what follows the id is
 * a command).
 */
struct words_list {
        const char **items; /* the caller's, with room for as many as there are words */
        size_t n;
};

struct words_option {
        const char *name;        /* without dashes */
        char letter;             /* 0: none */
        bool *flag;              /* no value; exactly one of the three is set */
        const char **value;      /* the last one wins; the caller's text */
        struct words_list *list; /* every one, in order: --env A=1 --env B=2 */
};

struct words {
        const char *command; /* for messages; NULL: in front of all commands */
        const struct words_option *options;
        size_t n_options;
        bool stops; /* at the first operand */
};

/*
 * Sets what stands behind the options; *ret_operands points into argv, which is reordered, and is
 * NULL-terminated.  Errors: EINVAL, with the nearest known option as a hint.
 */
int words_parse(const struct words *w, int argc, char **argv, char ***ret_operands, size_t *ret_n,
                struct err *e);

/*
 * Whether `n` operands are as many as `usage` names, "ID [SIGNAL]": a word in brackets may be missing.
 * Errors: EINVAL, with the missing or the first superfluous word.
 */
int words_count(const struct words *w, const char *usage, char *const *operands, size_t n,
                struct err *e);

#endif
