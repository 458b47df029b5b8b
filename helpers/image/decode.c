#include "decode.h"

#include <archive.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>

struct magic {
        size_t offset;
        const char *bytes;
        size_t len;
        const char *name;
};

#define MAGIC(offset, bytes, name)                                                                 \
        {                                                                                          \
                offset, bytes, sizeof(bytes) - 1, name                                             \
        }

static const struct magic other_magics[] = {
        MAGIC(0, "BZh", "compressed with bzip2"),
        MAGIC(0, "\x1f\x9d", "compressed with compress"),
        MAGIC(0, "\x04\x22\x4d\x18", "compressed with lz4"),
        MAGIC(0, "LZIP", "compressed with lzip"),
        MAGIC(0, "\x5d\x00\x00", "compressed with lzma"),
        MAGIC(0, "\x89LZO", "compressed with lzop"),
        MAGIC(0, "PK\x03\x04", "a zip archive"),
        MAGIC(0, "PK\x05\x06", "a zip archive"),
        MAGIC(0, "7z\xbc\xaf\x27\x1c", "a 7z archive"),
        MAGIC(0, "Rar!", "a rar archive"),
        MAGIC(0, "070701", "a cpio archive"),
        MAGIC(0, "070702", "a cpio archive"),
        MAGIC(0, "070707", "a cpio archive"),
        MAGIC(0, "\xc7\x71", "a cpio archive"),
        MAGIC(0, "\x71\xc7", "a cpio archive"),
        MAGIC(0, "!<arch>\n", "an ar archive"),
        MAGIC(0, "xar!", "a xar archive"),
        MAGIC(0, "MSCF", "a cabinet archive"),
        MAGIC(0, "#mtree", "an mtree list"),
        MAGIC(0, "hsqs", "a squashfs image"),
        MAGIC(0, "QFI\xfb", "a qcow2 disk image"),
        MAGIC(0, "\xed\xab\xee\xdb", "an rpm package"),
        MAGIC(0, "WARC/", "a web archive"),
        MAGIC(1080, "\x53\xef", "an ext4 file system image"),
        MAGIC(32769, "CD001", "an ISO 9660 image"),
};

static bool has_magic(const struct magic *m, const char *head, size_t len)
{
        return m->offset + m->len <= len && memcmp(head + m->offset, m->bytes, m->len) == 0;
}

static const struct magic *find_other(const void *head, size_t len)
{
        for (size_t i = 0; i < sizeof(other_magics) / sizeof(other_magics[0]); i++) {
                if (has_magic(&other_magics[i], head, len))
                        return &other_magics[i];
        }
        return NULL;
}

const char *decode_other_name(const void *head, size_t len)
{
        const struct magic *other = find_other(head, len);

        return other ? other->name : NULL;
}

/* Whether it is a tar header all the same: the name of its first member may look like a magic. */
static bool is_tar_header(const unsigned char *head, size_t len)
{
        return len >= 512 && memcmp(head + 257, "ustar", 5) == 0;
}

enum packing decode_recognise(const void *head, size_t len)
{
        static const struct magic own[] = {
                [PACKING_GZIP] = MAGIC(0, "\x1f\x8b", ""),
                [PACKING_XZ] = MAGIC(0,
                                     "\xfd"
                                     "7zXZ\0",
                                     ""),
                [PACKING_ZSTD] = MAGIC(0, "\x28\xb5\x2f\xfd", ""),
        };

        for (enum packing p = PACKING_GZIP; p <= PACKING_ZSTD; p++) {
                if (has_magic(&own[p], head, len))
                        return p;
        }
        if (find_other(head, len) && !is_tar_header(head, len))
                return PACKING_OTHER;
        return PACKING_NONE;
}

const char *decode_name(enum packing packing)
{
        static const char *const names[] = {
                [PACKING_NONE] = "tar",  [PACKING_GZIP] = "gzip",     [PACKING_XZ] = "xz",
                [PACKING_ZSTD] = "zstd", [PACKING_OTHER] = "unknown",
        };

        return names[packing];
}

/* ------ output in blocks ------ */

struct output {
        const struct decode_io *io;
        char *room; /* NULL: none reserved */
        size_t size;
        size_t used;
};

/* At least one byte of room, or -ECANCELED. */
static int output_reserve(struct output *out)
{
        if (out->room)
                return 0;
        out->used = 0;
        out->room = out->io->reserve(out->io->context, &out->size);
        return out->room ? 0 : -ECANCELED;
}

/* Hands a block on once it is full, or at the end. */
static int output_publish(struct output *out, bool is_end, struct err *e)
{
        if (!out->room || (out->used < out->size && !is_end))
                return 0;
        out->room = NULL;
        return out->io->publish(out->io->context, out->used, e);
}

static int output_copy(struct output *out, const char *data, size_t len, struct err *e)
{
        while (len > 0) {
                int r = output_reserve(out);
                if (r < 0)
                        return r;
                size_t room = out->size - out->used;
                size_t n = len < room ? len : room;

                memcpy(out->room + out->used, data, n);
                out->used += n;
                data += n;
                len -= n;
                r = output_publish(out, false, e);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int run_plain(const struct decode_io *io, struct err *e)
{
        struct output out = { .io = io };

        for (;;) {
                const void *data;
                size_t len;

                int r = io->pull(io->context, &data, &len, e);
                if (r < 0)
                        return r;
                if (len == 0)
                        return output_publish(&out, true, e);
                r = output_copy(&out, data, len, e);
                if (r < 0)
                        return r;
        }
}

/* ------ gzip ------ */

struct gunzip {
        z_stream z;
        const struct decode_io *io;
        bool is_between; /* one member is over, and the next one has not begun */
        bool is_end;
};

static void gunzip_done(struct gunzip *g)
{
        inflateEnd(&g->z);
}

/*
 * Sees to it that there is input for a member.  Behind a member there may be another one; what
 * else follows (padding, junk) means nothing, as to gzip itself.
 */
static int gunzip_fill(struct gunzip *g, struct err *e)
{
        z_stream *z = &g->z;

        if (z->avail_in == 0) {
                const void *data;
                size_t len;

                int r = g->io->pull(g->io->context, &data, &len, e);
                if (r < 0)
                        return r;
                if (len == 0 && !g->is_between)
                        return err_set(e, EINVAL, "the gzip stream is cut off");
                z->next_in = (Bytef *)data;
                z->avail_in = (uInt)len;
        }
        if (!g->is_between)
                return 0;
        if (z->avail_in == 0 || z->next_in[0] != 0x1f) {
                g->is_end = true;
                return 0;
        }
        g->is_between = false;
        if (inflateReset(z) != Z_OK)
                return err_set(e, EINVAL, "zlib cannot start");
        return 0;
}

static int gunzip_step(struct gunzip *g, struct output *out, struct err *e)
{
        z_stream *z = &g->z;

        int r = output_reserve(out);
        if (r < 0)
                return r;
        z->next_out = (Bytef *)out->room + out->used;
        z->avail_out = (uInt)(out->size - out->used);
        int z_result = inflate(z, Z_NO_FLUSH);
        out->used = out->size - z->avail_out;
        switch (z_result) {
        case Z_OK:
        case Z_BUF_ERROR:
                break;
        case Z_STREAM_END:
                g->is_between = true;
                break;
        case Z_MEM_ERROR:
                return err_set(e, ENOMEM, "out of memory");
        default:
                return err_set(e, EINVAL, "the gzip stream is damaged: %s",
                               z->msg ? z->msg : "zlib gives no reason");
        }
        return output_publish(out, false, e);
}

static int run_gzip(const struct decode_io *io, struct err *e)
{
        __attribute__((cleanup(gunzip_done))) struct gunzip g = { .io = io };
        struct output out = { .io = io };

        /* 15 bits of window; 16: with a gzip header and trailer, which is checked */
        if (inflateInit2(&g.z, 15 + 16) != Z_OK)
                return err_set(e, ENOMEM, "zlib cannot start");
        for (;;) {
                int r = gunzip_fill(&g, e);
                if (r < 0)
                        return r;
                if (g.is_end)
                        return output_publish(&out, true, e);
                r = gunzip_step(&g, &out, e);
                if (r < 0)
                        return r;
        }
}

/* ------ xz and zstd, by libarchive ------ */

struct pulled {
        const struct decode_io *io;
        struct err err;
        bool has_failed;
};

static la_ssize_t pull_for_archive(struct archive *a, void *context, const void **ret_data)
{
        struct pulled *p = context;
        size_t len;

        if (p->io->pull(p->io->context, ret_data, &len, &p->err) < 0) {
                p->has_failed = true;
                archive_set_error(a, EIO, "%s", "the input failed");
                return -1;
        }
        return (la_ssize_t)len;
}

static void end_archive(struct archive **a)
{
        archive_read_free(*a);
}

static int archive_failure(struct archive *a, const struct pulled *p, enum packing packing,
                           struct err *e)
{
        const char *reason = archive_error_string(a);

        if (p->has_failed) {
                *e = p->err;
                return e->code ? -e->code : -ECANCELED;
        }
        return err_set(e, EINVAL, "the %s stream is damaged: %.200s", decode_name(packing),
                       reason ? reason : "libarchive gives no reason");
}

/* One filter, and the "raw" format: an archive of one member without a header. */
static int open_raw(struct archive *a, struct pulled *p, enum packing packing, struct err *e)
{
        struct archive_entry *entry;

        if (archive_read_support_format_raw(a) != ARCHIVE_OK ||
            (packing == PACKING_XZ ? archive_read_support_filter_xz(a)
                                   : archive_read_support_filter_zstd(a)) != ARCHIVE_OK)
                return err_set(e, ENOTSUP, "this libarchive cannot read %s", decode_name(packing));
        if (archive_read_open(a, p, NULL, pull_for_archive, NULL) != ARCHIVE_OK ||
            archive_read_next_header(a, &entry) != ARCHIVE_OK)
                return archive_failure(a, p, packing, e);
        /* the filter itself, and the one that reads */
        if (archive_filter_count(a) != 2)
                return err_set(e, EINVAL, "the stream is compressed more than once");
        return 0;
}

static int run_archive(const struct decode_io *io, enum packing packing, struct err *e)
{
        __attribute__((cleanup(end_archive))) struct archive *a = archive_read_new();
        struct pulled p = { .io = io };
        struct output out = { .io = io };

        if (!a)
                return err_set(e, ENOMEM, "out of memory");
        int r = open_raw(a, &p, packing, e);
        if (r < 0)
                return r;
        for (;;) {
                const void *data;
                size_t len;
                la_int64_t unused;

                int got = archive_read_data_block(a, &data, &len, &unused);
                if (got == ARCHIVE_EOF)
                        return output_publish(&out, true, e);
                if (got != ARCHIVE_OK)
                        return archive_failure(a, &p, packing, e);
                r = output_copy(&out, data, len, e);
                if (r < 0)
                        return r;
        }
}

int decode_run(enum packing packing, const struct decode_io *io, struct err *e)
{
        switch (packing) {
        case PACKING_NONE:
                return run_plain(io, e);
        case PACKING_GZIP:
                return run_gzip(io, e);
        case PACKING_XZ:
        case PACKING_ZSTD:
                return run_archive(io, packing, e);
        case PACKING_OTHER:
                break;
        }
        return err_set(e, ENOTSUP, "unsupported compression");
}
