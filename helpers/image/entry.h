#ifndef KELP_IMAGE_ENTRY_H
#define KELP_IMAGE_ENTRY_H

#include "err.h"
#include "limit.h"

#include <stddef.h>

/*
 * Names of archive entries, judged as text before the file system is asked.
 *
 * A name counts from the layer's root, with or without a leading slash (`umoci insert` and
 * buildpacks write one); "." components and repeated or trailing slashes mean nothing; ".." is
 * refused wherever it stands.  The empty path is the layer's root.
 *
 * Whiteouts (the OCI image spec, "Layer Filesystem Changeset"): an empty file `.wh.NAME` hides
 * NAME of the layers below, and `.wh..wh..opq` all that the layers below have in its directory.
 * A name that only looks like one of these is refused, so that no two readers differ about it.
 */

struct entry_path {
        char text[LIMIT_PATH + 1]; /* clean, relative; "" for the root */
        size_t len;
        size_t dir_len;   /* of the parent's path, without the slash */
        const char *base; /* the last component, inside text */
};

enum entry_mark { ENTRY_PLAIN, ENTRY_WHITEOUT, ENTRY_OPAQUE };

int entry_path_parse(const char *name, struct entry_path *ret, struct err *e);

/*
 * Whether `path` is a whiteout.  For ENTRY_WHITEOUT, `path` becomes that of what is hidden; for
 * ENTRY_OPAQUE, that of the directory.
 */
int entry_take_mark(struct entry_path *path, enum entry_mark *ret, struct err *e);

#endif
