#ifndef KELP_IMAGE_PRUNE_H
#define KELP_IMAGE_PRUNE_H

#include "err.h"
#include "store.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct prune_request {
        bool is_all;       /* everything that is not in use */
        bool is_dry_run;   /* only tells */
        bool has_max_size; /* images that were not used for the longest time, until ... */
        uint64_t max_size; /* ... what is left takes no more bytes than these */
};

/*
 * Removes what nobody asked to keep: images without a name, also those that a path was imported
 * as; layers and blobs that belong to no image; what was left by commands that were killed.  What
 * a running sandbox uses stays.  The last use of an image is the latest time of its files in names/
 * and paths/, which the launcher sets.
 *
 * Tells on `out` what was removed, and how much that frees.  *ret_in_use, of PRUNE_IN_USE_MAX
 * bytes, gets a line for each image that would have gone but is in use.
 */
int prune_run(const struct store *store, const struct prune_request *request, FILE *out,
              char *ret_in_use, struct err *e);

#define PRUNE_IN_USE_MAX 4096

#endif
