#ifndef KELP_PLAN_OPTION_H
#define KELP_PLAN_OPTION_H

#include "err.h"
#include "mem.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * The options of `kelp run`: one table, from which they are parsed, applied and explained.
 *
 * Parsing only makes a list of what was given.  The list is applied later, after the policy and the
 * image, so that --policy may stand anywhere, and so that the caller can read the files that
 * options name before the pure part begins.
 */

struct assembly;
struct setting;

enum option_scope {
        OPTION_HOST = 1 << 0,  /* has a meaning for a view of this host */
        OPTION_IMAGE = 1 << 1, /* has a meaning for an image */
        OPTION_BOTH = OPTION_HOST | OPTION_IMAGE,
};

enum option_group {
        OPTION_GROUP_FILES,
        OPTION_GROUP_PROCESS,
        OPTION_GROUP_NETWORK,
        OPTION_GROUP_RIGHTS,
        OPTION_GROUP_LIMITS,
        OPTION_GROUP_RUN,
        OPTION_GROUP_COUNT,
};

enum option_flags {
        OPTION_EARLY = 1 << 0,      /* acted upon by the caller: nothing to apply */
        OPTION_NAMES_FILE = 1 << 1, /* the caller reads the file that its value names */
};

struct option_row {
        const char *name;
        const char *argument; /* what stands for its value in the help; NULL: it takes none */
        const char *help;     /* one line; NULL: known, but of a later version */
        int (*apply)(struct assembly *a, const struct setting *s, struct err *e);
        char letter; /* 0: none */
        unsigned char scope;
        unsigned char group;
        unsigned char flags;
};

/* The table ends with a row without a name. */
extern const struct option_row option_table[];

/* Headings of the help, by enum option_group. */
const char *option_group_name(enum option_group group);

struct option_use {
        const struct option_row *row;
        const char *value; /* NULL when it takes none; points into argv */
        const char *text;  /* OPTION_NAMES_FILE: put here by the caller */
};

#define OPTION_MAX_USES 5000

struct option_list {
        struct option_use *uses;
        size_t n;
        bool is_host;            /* "--" stood before the first word: a view of this host */
        const char *image;       /* the first word otherwise; NULL: there was none */
        const char *const *args; /* the words after that */
        size_t n_args;
};

/* Parses the words after `run`.  Memory is taken from `arena`; values point into `argv`. */
int option_parse(struct arena *arena, size_t argc, const char *const *argv, struct option_list *ret,
                 struct err *e);

/* The last use of the option `name` in the list, or NULL. */
struct option_use *option_find(const struct option_list *list, const char *name);

/* When `kelp run` may go to the network for its image. */
enum option_pull { OPTION_PULL_NEVER, OPTION_PULL_MISSING, OPTION_PULL_ALWAYS };

/* What --pull says; never without it.  A slip in any use of it is an error. */
int option_pull(const struct option_list *list, enum option_pull *ret, struct err *e);

#endif
