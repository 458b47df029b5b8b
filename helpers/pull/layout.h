#ifndef KELP_PULL_LAYOUT_H
#define KELP_PULL_LAYOUT_H

#include "digest.h"
#include "err.h"
#include "oci.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The OCI layout that is fetched into a session.  It lacks the blobs that the store has: they are
 * found there by the import, which checks their digests as it does for all.
 *
 * That a registry can name blobs of other images, and so have them used without knowing their
 * content, is what every store that shares layers allows.
 */

struct layout {
        int dir;
        int blobs;       /* blobs/sha256 in it */
        int store_blobs; /* borrowed */
};

#define LAYOUT_NONE                                                                                \
        {                                                                                          \
                .dir = -1, .blobs = -1, .store_blobs = -1                                          \
        }

/* Makes an empty one in the session's directory. */
int layout_make(int session, int store_blobs, struct layout *ret, struct err *e);
void layout_done(struct layout *l);

/* Whether the blob is here or in the store, with that size. */
bool layout_has(const struct layout *l, const struct digest *d, uint64_t size);

/* The same for one that was fetched into the layout. */
bool layout_has_new(const struct layout *l, const struct digest *d, uint64_t size);

/* The text of a small blob that is here or in the store; *ret_text is the caller's (free). */
int layout_read(const struct layout *l, const struct digest *d, char **ret_text, size_t *ret_len,
                struct err *e);

/* A blob that is in memory and has been checked. */
int layout_add(const struct layout *l, const struct digest *d, const void *data, size_t len,
               struct err *e);

/* The files that make a layout of it, with that one manifest. */
int layout_finish(const struct layout *l, const struct oci_descriptor *manifest, struct err *e);

#endif
