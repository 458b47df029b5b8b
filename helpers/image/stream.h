#ifndef KELP_IMAGE_STREAM_H
#define KELP_IMAGE_STREAM_H

#include "decode.h"
#include "digest.h"
#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The bytes of a layer on their way from the archive to the tar reader, over the cores:
 *
 *     feeder thread     reads and decompresses, which takes longest, so it does nothing else
 *     a keeper thread   hashes the bytes as they come, and copies them to the blob
 *     another           hashes what came out (the diff-id)
 *     the caller        takes what came out, block by block, with stream_read()
 *
 * between them two rings of blocks.  Limits on size and ratio are kept by the feeder.
 */

/* A part of an open file, read with pread(2). */
struct region {
        int fd; /* borrowed */
        uint64_t offset;
        uint64_t size;
};

struct stream_spec {
        struct region in;
        int packed_out; /* borrowed: gets a copy of the bytes as they come; -1: nobody */
        int plain_out;  /* borrowed: gets a copy of what came out; -1: nobody */
        bool no_digests;
};

struct stream_result {
        struct digest packed;
        struct digest plain; /* the diff-id */
        uint64_t plain_size;
};

struct stream;

/*
 * Reads `size` bytes of a region from `at`, or what is left of it; a file that ends before the
 * region does is EIO: it was changed meanwhile.  Returns how many.
 */
ssize_t stream_read_region(const struct region *in, uint64_t at, void *buffer, size_t size,
                           struct err *e);

/* Recognises the compression of the first bytes of `in`.  ENOTSUP: not one that kelp reads. */
int stream_recognise(const struct region *in, enum packing *ret, struct err *e);

/* Starts the threads. */
int stream_start(const struct stream_spec *spec, enum packing packing, struct stream **ret,
                 struct err *e);

/* The next block, valid until the next call; NULL at the end, and when something failed. */
const void *stream_read(struct stream *s, size_t *ret_len);

/*
 * After stream_read() returned NULL: waits for the threads, and gives their error or the result.
 */
int stream_finish(struct stream *s, struct stream_result *ret, struct err *e);

/*
 * Stops everything.  Returns negative errno with `e` set if the stream itself had failed: that is
 * then the reason for what the caller met.
 */
int stream_stop(struct stream *s, struct err *e);

void stream_free(struct stream **s);

#define autostream __attribute__((cleanup(stream_free))) struct stream

#endif
