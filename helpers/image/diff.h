#ifndef KELP_IMAGE_DIFF_H
#define KELP_IMAGE_DIFF_H

#include "err.h"
#include "lower.h"
#include "made.h"
#include "tarout.h"

#include <stdint.h>
#include <time.h>

/*
 * The upper layer of an overlay as a layer of an image: the OCI image spec, "Layer Filesystem
 * Changeset".
 *
 * Everything in the upper layer is a change, but for directories that are there only for what is in
 * them: one that the layers below show with the same mode, owner and attributes has an entry only
 * if something in it has one.  What kelp itself made (made.h) is no change.
 *
 *      character device 0:0, or an empty file with user.overlay.whiteout     .wh.NAME
 *      user.overlay.opaque on a directory that the layers below show         .wh..wh..opq in it
 *
 * Names are sorted as bytes, a directory's own entry stands before those in it: the same upper
 * layer gives the same bytes.  Owners are those that this process sees.  Sockets and devices are
 * left out and counted.  A file that has several names has content under the first of them.  A name
 * that would mean a whiteout to who reads the layer is an error.
 *
 * A payload has shaped the tree: each name is opened beneath its directory, without symlinks, and
 * looked at by descriptor.
 */

struct diff_spec {
        int upper; /* borrowed */
        struct lower lower;
        const struct made_list *made;
        struct tarout *out;
};

struct diff_count {
        uint64_t entries;
        uint64_t sockets;
        uint64_t devices;
        uint64_t attrs;         /* that were left out (attrs.h) */
        struct timespec newest; /* of all times of what is in the layer */
};

int diff_write(const struct diff_spec *spec, struct diff_count *ret, struct err *e);

#endif
