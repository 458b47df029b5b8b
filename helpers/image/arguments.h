#ifndef KELP_IMAGE_ARGUMENTS_H
#define KELP_IMAGE_ARGUMENTS_H

#include "err.h"
#include "id-map.h"

#include <stddef.h>

/* The command line of kelp-image. */

/* Options; bit n of a command's `takes` stands for the n-th. */
enum option {
        OPTION_JSON,
        OPTION_PATH_KEY,
        OPTION_SESSION_FD,
        OPTION_IDS,
        OPTION_ALL,
        OPTION_DRY_RUN,
        OPTION_MAX_SIZE,
        OPTION_OUTPUT,
        OPTION_FORMAT,
        OPTION_FORCE,
        OPTION_F,
        OPTION_QUIET,
        OPTION_DIRECTORY,
        OPTION_COUNT
};

struct arguments {
        const char *store;
        char *values[OPTION_COUNT]; /* NULL: not given; without a value: its name */
        char **words;               /* the command and what follows it, without options */
        size_t n_words;
        struct id_maps ids; /* of OPTION_IDS */
};

/* Fills *ret, which was empty; its words take the place of those in `argv`. */
int arguments_parse(int argc, char **argv, struct arguments *ret, struct err *e);

/* The error for `arg`, which is not understood; or for a command that is missing (NULL). */
int arguments_usage(struct err *e, const char *arg);

/* As it is given. */
const char *arguments_option_name(enum option option);

#endif
