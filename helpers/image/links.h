#ifndef KELP_IMAGE_LINKS_H
#define KELP_IMAGE_LINKS_H

#include "err.h"
#include "mem.h"

#include <sys/types.h>

/*
 * The files of one tree that have several names, by their numbers.  Zeroed is empty, and so is what
 * was done with.
 */
struct links {
        struct arena arena;
        void *tree; /* of struct link */
};

/*
 * *ret is the first name of the file `ino`, as long as `links` live; NULL: this is the first, and
 * `path` is copied.
 */
int links_find(struct links *links, ino_t ino, const char *path, const char **ret, struct err *e);

void links_done(struct links *links);

#endif
