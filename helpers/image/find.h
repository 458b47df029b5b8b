#ifndef KELP_IMAGE_FIND_H
#define KELP_IMAGE_FIND_H

#include "catalog.h"

/*
 * The image that `arg` means: a name, or 12 digits or more of an id.  *ret_name is its whole name,
 * or NULL when it was called by its id; both live as long as the catalog.  ENOENT has the nearest
 * name as its hint.
 */
int find_image(struct catalog *c, const char *arg, const struct image **ret, const char **ret_name,
               struct err *e);

#endif
