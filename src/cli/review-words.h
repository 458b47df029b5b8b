#ifndef KELP_CLI_REVIEW_WORDS_H
#define KELP_CLI_REVIEW_WORDS_H

#include "err.h"
#include "mem.h"

#include <stdbool.h>
#include <stddef.h>

/* The words of kelp diff, apply and discard. */

enum review_command { REVIEW_DIFF, REVIEW_APPLY, REVIEW_DISCARD };

struct review_words {
        const char *id;           /* diff: NULL asks for the list */
        const char *const *paths; /* discard: further ids */
        size_t n_paths;
        bool wants_patch; /* diff */
        bool overwrites;  /* apply */
        bool wants_help;
};

enum review_command review_find_command(const char *name);

int review_parse(struct arena *a, enum review_command command, int argc, char **argv,
                 struct review_words *ret, struct err *e);

/* Returns the exit status. */
int review_print_help(enum review_command command);

#endif
