#include "tarout.h"

#include "io.h"
#include "limit.h"
#include "mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define CHUNK     (256u << 10)
#define THIN_STEP (32u << 10)

/* A gzip stream with the smallest header, as RFC 1952 has it: 15 bits of window, 16 for gzip. */
#define GZIP_WINDOW (15 + 16)

struct tarout {
        int fd;
        const char *what;
        struct archive *archive;
        struct err failure; /* of write_block(): libarchive hands on no more than a number */
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

static la_ssize_t write_block(struct archive *a, void *context, const void *data, size_t len)
{
        struct tarout *t = context;

        if (t->failure.code == 0 && gather(t, data, len, &t->failure) == 0)
                return (la_ssize_t)len;
        archive_set_error(a, t->failure.code, "%s", t->failure.text);
        return -1;
}

static int failed(const struct tarout *t, struct err *e)
{
        const char *reason = archive_error_string(t->archive);

        if (t->failure.code) {
                *e = t->failure;
                return -e->code;
        }
        return err_set(e, EINVAL, "libarchive cannot write %s: %.300s", t->what,
                       reason ? reason : "it gives no reason");
}

/* xattrs once, in the form that all tools read; blocks as they come, and no padding at the end. */
static int open_archive(struct tarout *t, struct err *e)
{
        t->archive = archive_write_new();
        if (!t->archive)
                return err_set(e, ENOMEM, "out of memory");
        if (archive_write_set_format_pax(t->archive) != ARCHIVE_OK ||
            archive_write_set_format_option(t->archive, "pax", "xattrheader", "SCHILY") !=
                    ARCHIVE_OK ||
            archive_write_set_bytes_per_block(t->archive, 0) != ARCHIVE_OK ||
            archive_write_set_bytes_in_last_block(t->archive, 1) != ARCHIVE_OK ||
            archive_write_open2(t->archive, t, NULL, write_block, NULL, NULL) != ARCHIVE_OK)
                return failed(t, e);
        return 0;
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
        if (open_archive(t, e) < 0)
                return -e->code;
        *ret = t;
        t = NULL;
        return 0;
}

void tarout_free(struct tarout **at)
{
        struct tarout *t = *at;

        if (!t)
                return;
        archive_write_free(t->archive);
        if (t->has_deflate)
                deflateEnd(&t->z);
        hasher_done(&t->plain);
        hasher_done(&t->packed);
        free(t);
        *at = NULL;
}

/* A warning tells of a name that is no UTF-8: libarchive then says that it is binary. */
int tarout_entry(struct tarout *t, struct archive_entry *entry, struct err *e)
{
        int r = archive_write_header(t->archive, entry);

        return r == ARCHIVE_OK || r == ARCHIVE_WARN ? 0 : failed(t, e);
}

int tarout_data(struct tarout *t, const void *data, size_t len, struct err *e)
{
        const char *at = data;

        while (len > 0) {
                la_ssize_t n = archive_write_data(t->archive, at, len);

                if (n < 0)
                        return failed(t, e);
                if (n == 0)
                        return err_set(e, EINVAL, "a file is larger than it was");
                at += n;
                len -= (size_t)n;
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
        if (archive_write_close(t->archive) != ARCHIVE_OK)
                return failed(t, e);
        if (flush_chunk(t, true, e) < 0)
                return -e->code;
        *ret = (struct tarout_result){ .packed_size = t->packed_size };
        if (!t->packed.context)
                return 0;
        if (hasher_finish(&t->packed, &ret->packed, e) < 0)
                return -e->code;
        ret->plain = ret->packed;
        return t->is_gzip ? hasher_finish(&t->plain, &ret->plain, e) : 0;
}
