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
 * on stderr, and `usage` on stdout where --help is among them: then it returns false, with the exit
 * status.
 */
bool policy_words_take(int *argc, char **argv, const struct policy_flag *flags, const char *usage,
                       int *ret_status);

#endif
