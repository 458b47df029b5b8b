#include "stream.h"

#include "io.h"
#include "limit.h"
#include "mem.h"
#include "ring.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK (256u << 10)

enum { READER, HASHER };

struct stream {
        struct stream_spec spec;
        enum packing packing;
        struct ring ring;

        /* the feeder's, until it was joined */
        char *chunk;
        uint64_t in_at;
        uint64_t out_at;
        struct hasher packed;
        struct err feeder_err;

        /* the hasher's, until it was joined */
        struct hasher plain;
        struct err hasher_err;

        /* the caller's */
        pthread_t feeder;
        pthread_t hasher;
        bool has_feeder;
        bool has_hasher;
        bool is_holding; /* a block of the ring */
};

ssize_t stream_read_region(const struct region *in, uint64_t at, void *buffer, size_t size,
                           struct err *e)
{
        uint64_t left = in->size - at;
        size_t want = left < size ? (size_t)left : size;
        size_t got = 0;

        while (got < want) {
                ssize_t n = pread(in->fd, (char *)buffer + got, want - got,
                                  (off_t)(in->offset + at + got));
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return err_sys(e, "cannot read the archive");
                if (n == 0)
                        return err_set(e, EIO, "the archive is shorter than it was");
                got += (size_t)n;
        }
        return (ssize_t)want;
}

int stream_recognise(const struct region *in, enum packing *ret, struct err *e)
{
        char head[33 << 10];
        ssize_t n = stream_read_region(in, 0, head, sizeof(head), e);

        if (n < 0)
                return -e->code;
        *ret = decode_recognise(head, (size_t)n);
        if (*ret != PACKING_OTHER)
                return 0;
        err_set(e, ENOTSUP, "unsupported format: it is %s", decode_other_name(head, (size_t)n));
        return err_hint(e, "kelp reads tar archives: plain, or compressed with gzip, xz or zstd");
}

/* ------ the feeder ------ */

static int feeder_pull(void *context, const void **ret_data, size_t *ret_len, struct err *e)
{
        struct stream *s = context;
        ssize_t n = stream_read_region(&s->spec.in, s->in_at, s->chunk, CHUNK, e);

        if (n < 0)
                return -e->code;
        s->in_at += (uint64_t)n;
        if (s->packed.context)
                hasher_add(&s->packed, s->chunk, (size_t)n);
        if (s->spec.packed_out >= 0 && io_write_all(s->spec.packed_out, s->chunk, (size_t)n,
                                                    "a blob in the image store", e) < 0)
                return -e->code;
        *ret_data = s->chunk;
        *ret_len = (size_t)n;
        return 0;
}

static char *feeder_reserve(void *context, size_t *ret_size)
{
        struct stream *s = context;

        *ret_size = RING_SLOT_SIZE;
        return ring_reserve(&s->ring);
}

static int feeder_publish(void *context, size_t len, struct err *e)
{
        struct stream *s = context;

        s->out_at += len;
        if (s->out_at > LIMIT_BYTES)
                return err_set(e, EFBIG, "a layer is larger than %llu GiB", LIMIT_BYTES >> 30);
        if (s->out_at > LIMIT_RATIO_FLOOR && s->out_at / LIMIT_RATIO > s->in_at)
                return err_set(e, EFBIG, "a layer grows more than %u times when uncompressed",
                               LIMIT_RATIO);
        if (len > 0)
                ring_publish(&s->ring, len);
        return 0;
}

static void *feeder_main(void *context)
{
        struct stream *s = context;
        const struct decode_io io = { s, feeder_pull, feeder_reserve, feeder_publish };
        int r = decode_run(s->packing, &io, &s->feeder_err);

        /* what lies behind the end of the compressed stream is part of the blob, too */
        for (size_t len = 1; r == 0 && len > 0;) {
                const void *data;

                r = feeder_pull(s, &data, &len, &s->feeder_err);
        }
        if (r < 0)
                ring_stop(&s->ring);
        ring_close(&s->ring);
        return NULL;
}

/* ------ the hasher ------ */

static void *hasher_main(void *context)
{
        struct stream *s = context;
        const char *block;
        size_t len;

        while ((block = ring_next(&s->ring, HASHER, &len))) {
                hasher_add(&s->plain, block, len);
                if (s->spec.plain_out >= 0 &&
                    io_write_all(s->spec.plain_out, block, len, "a blob in the image store",
                                 &s->hasher_err) < 0) {
                        ring_stop(&s->ring);
                        break;
                }
                ring_release(&s->ring, HASHER);
        }
        return NULL;
}

/* ------ the caller ------ */

static int start_threads(struct stream *s, bool with_hasher, struct err *e)
{
        int r = pthread_create(&s->feeder, NULL, feeder_main, s);

        if (r != 0)
                return err_set(e, r, "cannot start a thread: %s", err_name(r));
        s->has_feeder = true;
        if (!with_hasher)
                return 0;
        r = pthread_create(&s->hasher, NULL, hasher_main, s);
        if (r != 0)
                return err_set(e, r, "cannot start a thread: %s", err_name(r));
        s->has_hasher = true;
        return 0;
}

int stream_start(const struct stream_spec *spec, enum packing packing, struct stream **ret,
                 struct err *e)
{
        autostream *s = mem_alloc(sizeof(*s), e);
        /* without compression the two digests are one */
        bool with_hasher = packing != PACKING_NONE && !spec->no_digests;

        if (!s)
                return -e->code;
        s->spec = *spec;
        s->packing = packing;
        s->chunk = malloc(CHUNK);
        if (!s->chunk)
                return err_set(e, ENOMEM, "out of memory");
        if (!spec->no_digests && hasher_start(&s->packed, e) < 0)
                return -e->code;
        if (with_hasher && hasher_start(&s->plain, e) < 0)
                return -e->code;
        if (ring_open(&s->ring, with_hasher ? 2 : 1, e) < 0 || start_threads(s, with_hasher, e) < 0)
                return -e->code;
        *ret = s;
        s = NULL;
        return 0;
}

const void *stream_read(struct stream *s, size_t *ret_len)
{
        if (s->is_holding)
                ring_release(&s->ring, READER);
        const char *block = ring_next(&s->ring, READER, ret_len);
        s->is_holding = block;
        return block;
}

static void join(struct stream *s)
{
        if (s->has_feeder)
                pthread_join(s->feeder, NULL);
        if (s->has_hasher)
                pthread_join(s->hasher, NULL);
        s->has_feeder = false;
        s->has_hasher = false;
}

static int own_error(const struct stream *s, struct err *e)
{
        if (s->feeder_err.code)
                *e = s->feeder_err;
        else if (s->hasher_err.code)
                *e = s->hasher_err;
        else
                return 0;
        return -e->code;
}

int stream_finish(struct stream *s, struct stream_result *ret, struct err *e)
{
        join(s);
        if (own_error(s, e) < 0)
                return -e->code;
        ret->plain_size = s->out_at;
        if (s->spec.no_digests)
                return 0;
        if (hasher_finish(&s->packed, &ret->packed, e) < 0)
                return -e->code;
        ret->plain = ret->packed;
        return s->plain.context ? hasher_finish(&s->plain, &ret->plain, e) : 0;
}

int stream_stop(struct stream *s, struct err *e)
{
        ring_stop(&s->ring);
        join(s);
        return own_error(s, e);
}

void stream_free(struct stream **stream)
{
        struct stream *s = *stream;

        if (!s)
                return;
        if (s->ring.memory)
                ring_stop(&s->ring);
        join(s);
        ring_done(&s->ring);
        hasher_done(&s->packed);
        hasher_done(&s->plain);
        free(s->chunk);
        free(s);
        *stream = NULL;
}
