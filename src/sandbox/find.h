#ifndef KELP_SANDBOX_FIND_H
#define KELP_SANDBOX_FIND_H

#include "err.h"
#include "mem.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * The paths of the host that match a pattern of a policy, when the run starts: what appears later
 * is not found.
 *
 * Symlinks are not followed (one that matches is itself a match), the kernel's file systems are not
 * entered (others are: they are shared as well), and what matches is not looked into.  A directory
 * that cannot be listed is out of the payload's reach, too.  Whoever reaches a bound is told: a
 * pattern never counts for a part of what it says.
 */

/* some patterns over a repository with all that it depends on; it takes some seconds */
#define FIND_MAX_LOOKED  4000000u
#define FIND_MAX_MATCHES 20000u
#define FIND_MAX_DEPTH   100

struct find {
        struct arena *arena;
        size_t looked; /* entries so far, over all patterns of a run */
};

struct find_matches {
        const char **paths; /* relative to the directory that was looked through */
        size_t n;
};

/*
 * Looks through directory `fd`, whose path on the host is `path`, without symlinks.  Of an absolute
 * pattern only what can lie there is looked at; a relative one counts from there.
 */
int find_paths(struct find *f, int fd, const char *path, const char *pattern,
               struct find_matches *ret, struct err *e);

#endif
