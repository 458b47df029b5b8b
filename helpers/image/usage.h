#ifndef KELP_IMAGE_USAGE_H
#define KELP_IMAGE_USAGE_H

#include "store.h"

#include <stdint.h>

/* How much room things take on disk, in bytes; what cannot be looked at counts as nothing. */

uint64_t usage_of(int dir, const char *name);

/*
 * A layer in all its forms.  The one for subordinate ids has the same content as the other, and
 * directories that only its owners can look into: it counts as much.
 */
uint64_t usage_of_layer(const struct store *store, const char *hex);

/* "4.27MB": decimal units with three digits, as docker prints them. */
#define USAGE_TEXT_MAX 32
void usage_print(char *text, uint64_t bytes);

#endif
