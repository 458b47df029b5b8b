#ifndef KELP_IMAGE_COMMIT_H
#define KELP_IMAGE_COMMIT_H

#include "digest.h"
#include "err.h"
#include "store.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Makes an image of a sandbox that is kept: its own with one more layer, the sandbox's changes.
 *
 * A process in a jail, root of the ids that the sandbox has, reads the changes and writes an OCI
 * layout of the new image into a session (diff.h, commit-doc.h).  The other layers are linked into
 * it, and it is imported like any other, so that what is unpacked is what was written, and the
 * store changes whole or not at all.
 */

struct commit_result {
        struct digest id;
        uint64_t entries;
        uint64_t sockets; /* left out */
        uint64_t devices; /* left out */
        uint64_t attrs;   /* left out */
        bool has_moved;   /* the name stood for another image before: */
        struct digest old_id;
        int signal; /* it was ended by this signal (and fails); else 0 */
};

/* `name` is whole (ref.h).  EBUSY while the sandbox runs; EINVAL if it has no image. */
int commit_run(const struct store *store, const char *sandbox, const char *name,
               struct commit_result *ret, struct err *e);

#endif
