#ifndef KELP_IMAGE_LAYER_H
#define KELP_IMAGE_LAYER_H

#include "err.h"
#include "id-map.h"
#include "stream.h"
#include "tree.h"

#include <stdbool.h>
#include <stdint.h>

/* One layer: from the bytes of an archive to a directory. */

/* What was met, in all layers of an image. */
struct layer_count {
        uint64_t entries;
        uint64_t bytes;   /* of all files, holes included */
        uint64_t devices; /* device nodes and sockets that were left out */
};

struct layer_spec {
        struct region in;
        enum packing packing;       /* of stream_recognise() */
        int dir;                    /* borrowed, empty; -1: only check the digests */
        const struct id_maps *maps; /* files belong to whom the archive says; NULL: to the user */
        tree_lower *lower;          /* see tree_open() */
        void *lower_context;
        int packed_out; /* see struct stream_spec */
        int plain_out;
        int scratch;    /* borrowed: a directory for a temporary file; with `dir` */
        int record_out; /* borrowed: gets the record of the layer (record.h); -1: nobody */
        bool must_end;  /* no digest will tell that the archive was cut off */
};

/*
 * Unpacks.  After an error the directory has whatever was written until then: throw it away.
 * *ret is to be compared with what was expected by the caller.
 */
int layer_unpack(const struct layer_spec *spec, struct layer_count *count,
                 struct stream_result *ret, struct err *e);

#endif
