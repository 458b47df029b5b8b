#ifndef KELP_IMAGE_DECODE_H
#define KELP_IMAGE_DECODE_H

#include "err.h"

#include <errno.h>
#include <stddef.h>

/*
 * Decompression of a stream: gzip by ISA-L where kelp was built with it, else by zlib; xz by
 * liblzma; zstd by libzstd.  Each of them checks what the format has for that: the CRC and the
 * length of every member of gzip, the checks of blocks, the checksums of frames.  They are all that
 * tells a flipped bit in an archive without a digest.
 *
 * A stream says itself how much memory it takes.  More than LIMIT_WINDOW is refused, before it is
 * allocated, with DECODE_MEMORY_ERROR and a hint for who has the stream in a file of its own.  A
 * stream that is compressed twice is refused, too.
 */

#define DECODE_MEMORY_ERROR ENOBUFS

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
