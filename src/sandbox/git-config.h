#ifndef KELP_SANDBOX_GIT_CONFIG_H
#define KELP_SANDBOX_GIT_CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Reads the paths of a git configuration that make git run or obey other files.  The text is the
 * payload's word: nothing in it is an error, what git would refuse is passed over.
 * Source: git-config(1), "CONFIGURATION FILE".
 */

enum git_config_key {
        GIT_CONFIG_HOOKS_PATH, /* core.hooksPath */
        GIT_CONFIG_INCLUDE,    /* include.path, includeIf.*.path: conditions are taken for true */
};

/* Set `at` and `end`, leave the rest zero. */
struct git_config {
        const char *at;
        const char *end;
        int section;
};

struct git_config_path {
        enum git_config_key key;
        char value[PATH_MAX]; /* never empty; unquoted, "~/" and the like as they stand */
};

/* The next such path, or false at the end.  One that is longer than any path is passed over. */
bool git_config_next(struct git_config *c, struct git_config_path *ret);

#endif
