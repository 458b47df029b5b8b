#ifndef KELP_CLI_BOX_WORDS_H
#define KELP_CLI_BOX_WORDS_H

#include "err.h"

#include <stdbool.h>

/* The words of the commands that are about sandboxes: options, and then names or ids. */

struct box_option {
        const char *name; /* without its dashes; NULL: the end of the list */
        char letter;      /* 0: it has none */
        bool has_value;
        const char
                *value; /* found: of the last one; of one without a value its name.  NULL: none */
        /* whether "-TEXT" stands for it with that value, as "-9" does for a signal; NULL: never */
        bool (*is_bare)(const char *text);
        const char *hint; /* it is not taken: what there is instead.  NULL: it is */
};

struct box_words {
        struct box_option *options; /* terminated */
        char **given;               /* room for all the arguments, filled with the words */
        int n_given;
        bool wants_help;
};

/* Returns 0, an exit status, or a negative errno. */
typedef int box_words_fn(const struct box_words *w, void *arg, struct err *e);

/*
 * From the words of a command to its exit status: argv[0] is the command.  Options and words may be
 * mixed; behind "--" there are words alone.
 */
int box_words_run(box_words_fn *fn, void *arg, struct box_option *options, const char *usage,
                  int argc, char **argv);

/* NULL: it was not given. */
const char *box_words_find(const struct box_words *w, const char *name);

/* Of --format table|json and --json, which says the same: whether it is JSON. */
int box_words_read_format(const struct box_words *w, bool *ret_json, struct err *e);

/* "kelp stop" needs a name. */
int box_words_need(const struct box_words *w, const char *command, int max, struct err *e);

#endif
