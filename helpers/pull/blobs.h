#ifndef KELP_PULL_BLOBS_H
#define KELP_PULL_BLOBS_H

#include "client.h"
#include "err.h"
#include "layout.h"
#include "oci.h"
#include "progress.h"

/* The configuration and the layers of an image, several at once. */

#define BLOBS_AT_ONCE 4

/*
 * Fetches into the layout what it and the store lack.  Each blob is hashed while it comes, and gets
 * its name when size and digest are right; nothing has the name of a digest that it has not.
 */
int blobs_fetch(struct client *c, const struct oci_manifest *manifest, const struct layout *layout,
                struct progress *progress, struct err *e);

/* The configuration alone, and without a word: that is blobs_fetch()'s. */
int blobs_fetch_config(struct client *c, const struct oci_manifest *manifest,
                       const struct layout *layout, struct err *e);

#endif
