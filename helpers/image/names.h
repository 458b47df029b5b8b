#ifndef KELP_IMAGE_NAMES_H
#define KELP_IMAGE_NAMES_H

#include "err.h"
#include "limit.h"
#include "scratch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The names in a directory, sorted by their bytes.  A directory of an archive can have more names
 * than memory shall hold, and a walk holds a list in each directory on its way down.  So a list is
 * gathered in `most` bytes at once: of a larger directory the smallest names, and when they are used
 * up, it is listed again for those that follow.  What is more than NAMES_HELD waits in the scratch
 * file, on which the lists of a walk lie as on a stack: the last one opened ends first.
 */

#define NAMES_MOST (8u << 20)
#define NAMES_HELD (64u << 10)

struct names {
        int dir;                 /* borrowed */
        struct scratch *scratch; /* borrowed; NULL: memory takes it all */
        size_t most;
        bool has_more; /* than what was gathered */
        char last[LIMIT_NAME + 1];

        char *text; /* sorted names, each with its NUL: all of them, or a window of the file */
        size_t used;
        size_t at;
        uint64_t start; /* in the file */
        uint64_t next;
        uint64_t end; /* `next` is `end`: nothing is left there */
};

int names_open(struct names *names, int dir, struct scratch *scratch, size_t most, struct err *e);

/* *ret is the next name until the following call, or NULL at the end. */
int names_next(struct names *names, const char **ret, struct err *e);
void names_done(struct names *names);

#define autonames __attribute__((cleanup(names_done))) struct names

#endif
