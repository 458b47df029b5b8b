#ifndef KELP_CLI_POLICY_WORDS_H
#define KELP_CLI_POLICY_WORDS_H

#include <stdbool.h>

/* A flag of a command of `kelp policy`. */
struct policy_flag {
        const char *name; /* "--lines" */
        bool *value;
};

/*
 * Takes the flags out of `argv`: what is left, argv[1] to argv[*argc - 1], are the names and files of
 * policies, those behind --policy, too.  `flags` ends with one without a name.  What is wrong is told
 * on stderr.  Returns 0, or the exit status.
 */
int policy_words_take(int *argc, char **argv, const struct policy_flag *flags, bool *ret_help);

#endif
