#include "tarout.h"

#include "io.h"
#include "limit.h"
#include "mem.h"
#include "tarhead.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define BLOCK     512
#define CHUNK     (256u << 10)
#define THIN_STEP (32u << 10)

/* A gzip stream with the smallest header, as RFC 1952 has it: 15 bits of window, 16 for gzip. */
#define GZIP_WINDOW (15 + 16)

struct tarout {
        int fd;
        const char *what;
        struct tarhead head; /* of the entry whose data comes */
        uint64_t at;         /* in its file */
        size_t piece;        /* of the file, in which that is or which comes next */
        struct hasher plain;
        struct hasher packed;
        bool is_gzip;
        bool has_deflate;
        z_stream z;
        uint64_t plain_size;
        uint64_t packed_size;
        size_t used; /* of `in` */
        char in[CHUNK];
        char out[CHUNK];
};

static int put_packed(struct tarout *t, const char *data, size_t len, struct err *e)
{
        if (t->packed.context)
                hasher_add(&t->packed, data, len);
        t->packed_size += len;
        return io_write_all(t->fd, data, len, t->what, e);
}

static int deflate_bytes(struct tarout *t, char *data, size_t len, int flush, struct err *e)
{
        t->z.next_in = (Bytef *)data;
        t->z.avail_in = (uInt)len;
        do {
                t->z.next_out = (Bytef *)t->out;
                t->z.avail_out = sizeof(t->out);
                if (deflate(&t->z, flush) == Z_STREAM_ERROR)
                        return err_set(e, EINVAL, "zlib cannot compress");
                if (put_packed(t, t->out, sizeof(t->out) - t->z.avail_out, e) < 0)
                        return -e->code;
        } while (t->z.avail_out == 0);
        return 0;
}

/*
 * Zeros shrink to less than a thousandth, and a layer that does is refused by whoever looks for
 * bombs, kelp's own import too.  From half of where that begins on, an empty block is put in now
 * and then: it takes five bytes.
 */
static bool is_thin(const struct tarout *t)
{
        return t->plain_size > LIMIT_RATIO_FLOOR / 2 &&
               t->plain_size / (LIMIT_RATIO / 10 * 9) > t->packed_size;
}

static int deflate_chunk(struct tarout *t, bool is_last, struct err *e)
{
        size_t step = is_thin(t) ? THIN_STEP : CHUNK;

        for (size_t at = 0; at < t->used; at += step) {
                size_t left = t->used - at;

                if (deflate_bytes(t, t->in + at, left < step ? left : step,
                                  step == CHUNK ? Z_NO_FLUSH : Z_SYNC_FLUSH, e) < 0)
                        return -e->code;
        }
        return is_last ? deflate_bytes(t, t->in, 0, Z_FINISH, e) : 0;
}

/* Passes on what has gathered. */
static int flush_chunk(struct tarout *t, bool is_last, struct err *e)
{
        int r = 0;

        if (t->is_gzip) {
                if (t->plain.context)
                        hasher_add(&t->plain, t->in, t->used);
                r = deflate_chunk(t, is_last, e);
        } else {
                r = put_packed(t, t->in, t->used, e);
        }
        t->used = 0;
        return r;
}

static int gather(struct tarout *t, const char *data, size_t len, struct err *e)
{
        t->plain_size += len;
        if (t->plain_size > LIMIT_BYTES)
                return err_set(e, EFBIG, "%s would be larger than %llu GiB", t->what,
                               LIMIT_BYTES >> 30);
        while (len > 0) {
                size_t room = sizeof(t->in) - t->used;
                size_t step = len < room ? len : room;

                memcpy(t->in + t->used, data, step);
                t->used += step;
                data += step;
                len -= step;
                if (t->used == sizeof(t->in) && flush_chunk(t, false, e) < 0)
                        return -e->code;
        }
        return 0;
}

static int pad(struct tarout *t, struct err *e)
{
        static const char zeros[BLOCK];
        size_t rest = (size_t)(t->plain_size % BLOCK);

        return rest ? gather(t, zeros, BLOCK - rest, e) : 0;
}

int tarout_open(int fd, unsigned flags, const char *what, struct tarout **ret, struct err *e)
{
        autotarout *t = mem_alloc(sizeof(*t), e);

        if (!t)
                return -e->code;
        t->fd = fd;
        t->what = what;
        t->is_gzip = flags & TAROUT_GZIP;
        if (!(flags & TAROUT_NO_DIGESTS) &&
            (hasher_start(&t->packed, e) < 0 || (t->is_gzip && hasher_start(&t->plain, e) < 0)))
                return -e->code;
        if (t->is_gzip) {
                if (deflateInit2(&t->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8,
                                 Z_DEFAULT_STRATEGY) != Z_OK)
                        return err_set(e, ENOMEM, "zlib cannot start");
                t->has_deflate = true;
        }
        *ret = t;
        t = NULL;
        return 0;
}

void tarout_free(struct tarout **at)
{
        struct tarout *t = *at;

        if (!t)
                return;
        tarhead_done(&t->head);
        if (t->has_deflate)
                deflateEnd(&t->z);
        hasher_done(&t->plain);
        hasher_done(&t->packed);
        free(t);
        *at = NULL;
}

static int end_entry(struct tarout *t, struct err *e)
{
        if (t->at < t->head.size)
                return err_set(e, EINVAL, "a file is smaller than it was");
        return pad(t, e);
}

int tarout_entry(struct tarout *t, struct archive_entry *entry, struct err *e)
{
        if (end_entry(t, e) < 0)
                return -e->code;
        t->at = 0;
        t->piece = 0;
        if (tarhead_fill(&t->head, entry, e) < 0)
                return -e->code;
        return gather(t, t->head.text, t->head.len, e);
}

/* What lies in a hole is left out. */
int tarout_data(struct tarout *t, const void *data, size_t len, struct err *e)
{
        const struct tarhead *h = &t->head;
        const char *from = data;

        while (len > 0) {
                if (t->at >= h->size)
                        return err_set(e, EINVAL, "a file is larger than it was");
                while (t->piece < h->n_pieces && h->pieces[t->piece].end <= t->at)
                        t->piece++;
                /* the last piece ends where the file does */
                const struct tarhead_piece *p = &h->pieces[t->piece];
                bool is_hole = t->at < p->offset;
                uint64_t left = (is_hole ? p->offset : p->end) - t->at;
                size_t step = len < left ? len : (size_t)left;

                if (!is_hole && gather(t, from, step, e) < 0)
                        return -e->code;
                t->at += step;
                from += step;
                len -= step;
        }
        return 0;
}

int tarout_text(struct tarout *t, const char *name, const char *text, size_t len, struct err *e)
{
        struct archive_entry *entry = archive_entry_new();

        if (!entry)
                return err_set(e, ENOMEM, "out of memory");
        archive_entry_copy_pathname(entry, name);
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_perm(entry, 0644);
        archive_entry_set_mtime(entry, 0, 0);
        archive_entry_set_size(entry, (la_int64_t)len);
        int r = tarout_entry(t, entry, e);
        archive_entry_free(entry);
        return r < 0 ? r : tarout_data(t, text, len, e);
}

int tarout_finish(struct tarout *t, struct tarout_result *ret, struct err *e)
{
        static const char end[2 * BLOCK];

        if (end_entry(t, e) < 0 || gather(t, end, sizeof(end), e) < 0 ||
            flush_chunk(t, true, e) < 0)
                return -e->code;
        *ret = (struct tarout_result){ .packed_size = t->packed_size };
        if (!t->packed.context)
                return 0;
        if (hasher_finish(&t->packed, &ret->packed, e) < 0)
                return -e->code;
        ret->plain = ret->packed;
        return t->is_gzip ? hasher_finish(&t->plain, &ret->plain, e) : 0;
}
