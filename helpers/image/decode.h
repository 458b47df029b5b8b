#ifndef KELP_IMAGE_DECODE_H
#define KELP_IMAGE_DECODE_H

#include "err.h"

#include <stddef.h>

/*
 * Decompression of a stream.  gzip is read by zlib itself, which checks the CRC and the length of
 * every member (libarchive's gzip filter does not, and the CRC is all that tells a flipped bit in
 * an archive without a digest); xz and zstd by libarchive's filters, one at a time: a stream that
 * is compressed twice is refused.
 */

enum packing { PACKING_NONE, PACKING_GZIP, PACKING_XZ, PACKING_ZSTD, PACKING_OTHER };

/* By the first bytes.  PACKING_OTHER: a compression that is known but not supported. */
enum packing decode_recognise(const void *head, size_t len);

/* "gzip", ...; for PACKING_OTHER the name must be asked of decode_other_name(). */
const char *decode_name(enum packing packing);

/* What a file is that kelp does not read ("a zip archive"), or NULL. */
const char *decode_other_name(const void *head, size_t len);

struct decode_io {
        void *context;
        /* The next compressed bytes: *ret_len 0 at the end.  Negative errno with `e` set. */
        int (*pull)(void *context, const void **ret_data, size_t *ret_len, struct err *e);
        /* Room for output; NULL when nobody wants it any more. */
        char *(*reserve)(void *context, size_t *ret_size);
        /* `len` bytes of the room are filled. */
        int (*publish)(void *context, size_t len, struct err *e);
};

/* Runs until the end of the stream or of the interest: the latter is -ECANCELED. */
int decode_run(enum packing packing, const struct decode_io *io, struct err *e);

#endif
