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

/* The compressed side needs no more than to hide that a keeper waits for the disk. */
#define PACKED_SLOTS 8u

enum { READER, KEEPER };

/* A thread that hashes the blocks of a ring, and copies them to a file. */
struct keeper {
        struct stream *stream;
        struct ring *ring;
        unsigned consumer;
        int out;
        pthread_t thread;
        bool is_running;

        /* its own, until it was joined */
        struct hasher hasher;
        struct err err;
};

struct stream {
        struct stream_spec spec;
        enum packing packing;
        struct ring packed_ring;
        struct ring plain_ring;
        struct keeper packed;
        struct keeper plain;

        /* the feeder's, until it was joined */
        uint64_t in_at;
        uint64_t out_at;
        struct err feeder_err;

        /* the caller's */
        pthread_t feeder;
        bool has_feeder;
        bool is_holding; /* a block of the ring */
};

static void stop_rings(struct stream *s)
{
        ring_stop(&s->packed_ring);
        ring_stop(&s->plain_ring);
}

ssize_t stream_read_region(const struct region *in, uint64_t at, void *buffer, size_t size,
                           struct err *e)
{
        uint64_t left = in->size - at;
        size_t want = left < size ? (size_t)left : size;
        ssize_t n = io_read_at(in->fd, buffer, want, in->offset + at);

        if (n < 0)
                return err_sys(e, "cannot read the archive");
        if ((size_t)n < want)
                return err_set(e, EIO, "the archive is shorter than it was");
        return n;
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

/* -ECANCELED without a reason: a keeper has it, or the caller wants no more. */
static int feeder_pull(void *context, const void **ret_data, size_t *ret_len, struct err *e)
{
        struct stream *s = context;
        char *block = ring_reserve(&s->packed_ring);

        if (!block)
                return -ECANCELED;
        ssize_t n = stream_read_region(&s->spec.in, s->in_at, block, RING_SLOT_SIZE, e);
        if (n < 0)
                return -e->code;
        s->in_at += (uint64_t)n;
        if (n > 0)
                ring_publish(&s->packed_ring, (size_t)n);
        *ret_data = block;
        *ret_len = (size_t)n;
        return 0;
}

static char *feeder_reserve(void *context, size_t *ret_size)
{
        struct stream *s = context;

        *ret_size = RING_SLOT_SIZE;
        return ring_reserve(&s->plain_ring);
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
                ring_publish(&s->plain_ring, len);
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
                stop_rings(s);
        ring_close(&s->packed_ring);
        ring_close(&s->plain_ring);
        return NULL;
}

/* ------ the keepers ------ */

static void *keeper_main(void *context)
{
        struct keeper *k = context;
        const char *block;
        size_t len;

        while ((block = ring_next(k->ring, k->consumer, &len))) {
                hasher_add(&k->hasher, block, len);
                if (k->out >= 0 &&
                    io_write_all(k->out, block, len, "a blob in the image store", &k->err) < 0) {
                        stop_rings(k->stream);
                        break;
                }
                ring_release(k->ring, k->consumer);
        }
        return NULL;
}

static int start_thread(pthread_t *ret, void *(*run)(void *), void *context, bool *ret_is_running,
                        struct err *e)
{
        int r = pthread_create(ret, NULL, run, context);

        if (r != 0)
                return err_set(e, r, "cannot start a thread: %s", err_name(r));
        *ret_is_running = true;
        return 0;
}

static int start_keeper(struct keeper *k, struct err *e)
{
        if (hasher_start(&k->hasher, e) < 0)
                return -e->code;
        return start_thread(&k->thread, keeper_main, k, &k->is_running, e);
}

/* ------ the caller ------ */

int stream_start(const struct stream_spec *spec, enum packing packing, struct stream **ret,
                 struct err *e)
{
        autostream *s = mem_alloc(sizeof(*s), e);
        bool has_packed = !spec->no_digests;
        /* without compression the two digests are one */
        bool has_plain = has_packed && packing != PACKING_NONE;

        if (!s)
                return -e->code;
        s->spec = *spec;
        s->packing = packing;
        s->packed =
                (struct keeper){ .stream = s, .ring = &s->packed_ring, .out = spec->packed_out };
        s->plain = (struct keeper){
                .stream = s, .ring = &s->plain_ring, .consumer = KEEPER, .out = spec->plain_out
        };
        if (ring_open(&s->packed_ring, PACKED_SLOTS, has_packed ? 1 : 0, e) < 0 ||
            ring_open(&s->plain_ring, RING_SLOTS, has_plain ? 2 : 1, e) < 0 ||
            (has_packed && start_keeper(&s->packed, e) < 0) ||
            (has_plain && start_keeper(&s->plain, e) < 0) ||
            start_thread(&s->feeder, feeder_main, s, &s->has_feeder, e) < 0)
                return -e->code;
        *ret = s;
        s = NULL;
        return 0;
}

const void *stream_read(struct stream *s, size_t *ret_len)
{
        if (s->is_holding)
                ring_release(&s->plain_ring, READER);
        const char *block = ring_next(&s->plain_ring, READER, ret_len);
        s->is_holding = block;
        return block;
}

static void join_keeper(struct keeper *k)
{
        if (k->is_running)
                pthread_join(k->thread, NULL);
        k->is_running = false;
}

static void join(struct stream *s)
{
        if (s->has_feeder)
                pthread_join(s->feeder, NULL);
        s->has_feeder = false;
        join_keeper(&s->packed);
        join_keeper(&s->plain);
}

static int own_error(const struct stream *s, struct err *e)
{
        if (s->feeder_err.code)
                *e = s->feeder_err;
        else if (s->packed.err.code)
                *e = s->packed.err;
        else if (s->plain.err.code)
                *e = s->plain.err;
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
        if (hasher_finish(&s->packed.hasher, &ret->packed, e) < 0)
                return -e->code;
        ret->plain = ret->packed;
        return s->plain.hasher.context ? hasher_finish(&s->plain.hasher, &ret->plain, e) : 0;
}

int stream_stop(struct stream *s, struct err *e)
{
        stop_rings(s);
        join(s);
        return own_error(s, e);
}

void stream_free(struct stream **stream)
{
        struct stream *s = *stream;

        if (!s)
                return;
        if (s->packed_ring.memory && s->plain_ring.memory)
                stop_rings(s);
        join(s);
        ring_done(&s->packed_ring);
        ring_done(&s->plain_ring);
        hasher_done(&s->packed.hasher);
        hasher_done(&s->plain.hasher);
        free(s);
        *stream = NULL;
}
