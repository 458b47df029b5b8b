#ifndef KELP_IMAGE_FIND_H
#define KELP_IMAGE_FIND_H

#include "catalog.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * The error (ENOENT) for what is no image.  Its hint has what may have been meant: the names of the
 * same repository, or the nearest one.
 */
int find_unknown(struct catalog *c, const char *arg, struct err *e);

/* The entry of the catalog's names that `arg` is; false: none. */
bool find_name(const struct catalog *c, const char *arg, size_t *ret);

/*
 * The image whose id starts with the 12 digits or more of `arg`.  EINVAL: there are several;
 * ENOENT: see find_unknown().
 */
int find_id(struct catalog *c, const char *arg, size_t *ret, struct err *e);

/*
 * The image that `arg` means: a name, or 12 digits or more of an id.  *ret_name is its whole name,
 * or NULL when it was called by its id; both live as long as the catalog.
 */
int find_image(struct catalog *c, const char *arg, const struct image **ret, const char **ret_name,
               struct err *e);

#endif
