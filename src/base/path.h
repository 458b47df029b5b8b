#ifndef KELP_BASE_PATH_H
#define KELP_BASE_PATH_H

#include "err.h"
#include "mem.h"

#include <stdbool.h>
#include <stddef.h>

/* Paths as text.  Nothing here looks at a file system. */

/* Absolute, no empty, "." or ".." component, no trailing slash (but for "/" itself). */
bool path_is_clean(const char *path);

/*
 * The clean form of `path` as seen from the clean directory `base`; ".." at the top stays there.
 * Symlinks are not looked at: use it for names in a box, not to judge a host path.
 * NULL on error: no memory, empty, or longer than PATH_MAX.
 */
char *path_clean(struct arena *a, const char *base, const char *path, struct err *e);

/* Whether the clean `path` is the clean `top` or lies below it. */
bool path_is_in(const char *path, const char *top);

/* The last component of a clean path; "" for "/". */
const char *path_base(const char *path);

/* The parent of a clean path; "/" for "/". */
char *path_parent(struct arena *a, const char *path, struct err *e);

/*
 * `path`; or, where it has more than `size` - 1 bytes, its two ends in `ret`: what else a message
 * has to say must not be pushed out of it.
 */
const char *path_shorten(const char *path, char *ret, size_t size);

/* `dir`/`name`, without a doubled slash when dir is "/". */
char *path_join(struct arena *a, const char *dir, const char *name, struct err *e);

#endif
