#ifndef KELP_IMAGE_DECODE_INNER_H
#define KELP_IMAGE_DECODE_INNER_H

#include "decode.h"

#include <stdbool.h>

/*
 * A codec is one library behind one small function: it takes some of the input and fills some of
 * the room.  Where both come from is the business of decode.c alone.
 */

struct codec_blocks {
        const unsigned char *in;
        size_t in_len;      /* 0 only when `is_last` */
        unsigned char *out; /* in a step there is always room for a byte at least */
        size_t out_len;
        bool is_last; /* no input follows */
        bool is_over; /* set by the codec: what is left of the input means nothing to it */
};

struct codec {
        size_t state_size;
        /* The state is zeros.  Also after a failure, done() is called. */
        int (*start)(void *state, struct err *e);
        /*
         * One step.  To do nothing at all is how a codec says that it lacks input: the stream is cut
         * off, then.  Damage is -EINVAL, a need of too much memory DECODE_MEMORY_ERROR.
         */
        int (*step)(void *state, struct codec_blocks *b, struct err *e);
        void (*done)(void *state);
};

extern const struct codec codec_gzip;
extern const struct codec codec_xz;
extern const struct codec codec_zstd;

static inline void codec_take(struct codec_blocks *b, size_t in, size_t out)
{
        b->in += in;
        b->in_len -= in;
        b->out += out;
        b->out_len -= out;
}

/* Bytes in MiB, rounded up, for an error. */
static inline unsigned long long codec_mib(unsigned long long bytes)
{
        return (bytes >> 20) + ((bytes & 0xfffff) > 0);
}

#endif
