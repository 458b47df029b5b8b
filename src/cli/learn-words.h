#ifndef KELP_CLI_LEARN_WORDS_H
#define KELP_CLI_LEARN_WORDS_H

#include "option.h"

/* The words of `kelp learn`: its own options, and those of `kelp run` that it knows, too. */
struct learn_words {
        const char *output; /* -o */
        bool is_merge;
        bool is_forced;
        bool allows_any_host;
        bool wants_help;
        struct option_list options; /* of the run, with the command */
        const char *given;          /* names of those that a later run needs again; "" for none */
};

/* argv[0] is "learn". */
int learn_parse(struct arena *a, int argc, char **argv, struct learn_words *ret, struct err *e);

/* Prints the help.  Returns the exit status. */
int learn_print_help(void);

#endif
