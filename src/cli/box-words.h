#ifndef KELP_CLI_BOX_WORDS_H
#define KELP_CLI_BOX_WORDS_H

#include "err.h"
#include "state.h"

#include <stdbool.h>

/* The words of the commands that are about sandboxes: options, and then names or ids. */

struct box_option {
        const char *name; /* without its dashes; NULL: the end of the list */
        char letter;      /* 0: it has none */
        bool has_value;
        const char
                *value; /* found: of the last one; of one without a value its name.  NULL: none */
};

struct box_words {
        const char *usage;          /* of --help */
        struct box_option *options; /* terminated */
        char **given;               /* room for all the arguments, filled with the words */
        int n_given;
        bool wants_help;
};

/* argv[0] is the command.  Options and words may be mixed; behind "--" there are words alone. */
int box_words_read(struct box_words *w, int argc, char **argv, struct err *e);

/* NULL: it was not given. */
const char *box_words_find(const struct box_words *w, const char *name);

/* The exit status of --help. */
int box_words_help(const struct box_words *w);

/* Says what is wrong, and returns the exit status. */
int box_words_fail(const struct err *e);

/* "kelp stop" needs a name. */
int box_words_need(const struct box_words *w, const char *command, int max, struct err *e);

#endif
