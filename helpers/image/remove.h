#ifndef KELP_IMAGE_REMOVE_H
#define KELP_IMAGE_REMOVE_H

#include "err.h"
#include "store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * Removes images by name or by id (12 digits or more of it).  A name goes; with the last name, and
 * when no path refers to it, the image goes too, and with it the blobs and layers that no other
 * image has.  An id removes the image and all its names, if
 * there is no more than one or `is_forced`: else EBUSY, as with docker.
 *
 * Everything is checked first: an unknown name or a layer that a running sandbox uses is an error
 * before anything is changed.  What was done is told on `out`, a line each.
 */
int remove_images(const struct store *store, char *const *args, size_t n, bool is_forced, FILE *out,
                  struct err *e);

#endif
