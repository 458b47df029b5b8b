#include "decode-inner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

static bool is_skippable(const unsigned char *head, size_t len)
{
        return len >= 4 && (head[0] & 0xf0) == 0x50 && memcmp(head + 1, "\x2a\x4d\x18", 3) == 0;
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
        /* zstd in parallel (pzstd) begins with a frame that is to be skipped */
        if (is_skippable(head, len) && !is_tar_header(head, len))
                return PACKING_ZSTD;
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

/* ------ plain ------ */

static int start_plain(void *state, struct err *e)
{
        (void)state;
        (void)e;
        return 0;
}

static int step_plain(void *state, struct codec_blocks *b, struct err *e)
{
        size_t n = b->in_len < b->out_len ? b->in_len : b->out_len;

        (void)state;
        (void)e;
        memcpy(b->out, b->in, n);
        codec_take(b, n, n);
        b->is_over = b->in_len == 0 && b->is_last;
        return 0;
}

static void done_plain(void *state)
{
        (void)state;
}

static const struct codec codec_plain = {
        .state_size = 1,
        .start = start_plain,
        .step = step_plain,
        .done = done_plain,
};

/* ------ from block to block ------ */

static const struct codec *find_codec(enum packing packing)
{
        static const struct codec *const codecs[] = {
                [PACKING_NONE] = &codec_plain, [PACKING_GZIP] = &codec_gzip,
                [PACKING_XZ] = &codec_xz,      [PACKING_ZSTD] = &codec_zstd,
                [PACKING_OTHER] = NULL,
        };

        return codecs[packing];
}

struct run {
        enum packing packing;
        const struct codec *codec;
        const struct decode_io *io;
        struct codec_blocks blocks;
        void *state; /* NULL: not started */
        char *room;  /* NULL: none reserved */
        size_t size;
        bool has_output;
};

static void run_done(struct run *r)
{
        if (r->state)
                r->codec->done(r->state);
        free(r->state);
}

static int run_start(struct run *r, struct err *e)
{
        r->state = calloc(1, r->codec->state_size);
        if (!r->state)
                return err_set(e, ENOMEM, "out of memory");
        return r->codec->start(r->state, e);
}

/* Input, unless there is none any more. */
static int fill(struct run *r, struct err *e)
{
        struct codec_blocks *b = &r->blocks;
        const void *data;
        size_t len;

        if (b->in_len > 0 || b->is_last)
                return 0;
        if (r->io->pull(r->io->context, &data, &len, e) < 0)
                return e->code ? -e->code : -ECANCELED;
        b->in = data;
        b->in_len = len;
        b->is_last = len == 0;
        return 0;
}

/* Room for one byte at least, or -ECANCELED. */
static int reserve(struct run *r)
{
        if (r->room)
                return 0;
        r->room = r->io->reserve(r->io->context, &r->size);
        r->blocks.out = (unsigned char *)r->room;
        r->blocks.out_len = r->size;
        return r->room ? 0 : -ECANCELED;
}

/* What is in a packed stream must not be packed itself: nobody else would read that, either. */
static int check_first(struct run *r, size_t len, struct err *e)
{
        if (r->has_output || r->packing == PACKING_NONE)
                return 0;
        r->has_output = len > 0;
        enum packing inner = decode_recognise(r->room, len);
        if (inner == PACKING_NONE || inner == PACKING_OTHER ||
            is_tar_header((unsigned char *)r->room, len))
                return 0;
        return err_set(e, EINVAL, "the stream is compressed more than once");
}

/* Hands a block on once it is full, or at the end. */
static int publish(struct run *r, struct err *e)
{
        size_t len = r->size - r->blocks.out_len;

        if (r->blocks.out_len > 0 && !r->blocks.is_over)
                return 0;
        if (check_first(r, len, e) < 0)
                return -e->code;
        r->room = NULL;
        return r->io->publish(r->io->context, len, e);
}

/* A codec that has input, or whose input is over, and room gets on, or it never will. */
static int step(struct run *r, struct err *e)
{
        struct codec_blocks *b = &r->blocks;
        size_t in_len = b->in_len;
        size_t out_len = b->out_len;

        if (r->codec->step(r->state, b, e) < 0)
                return -e->code;
        if (b->is_over || b->in_len < in_len || b->out_len < out_len)
                return 0;
        return err_set(e, EINVAL, "the %s stream is %s", decode_name(r->packing),
                       b->is_last ? "cut off" : "damaged: it does not go on");
}

int decode_run(enum packing packing, const struct decode_io *io, struct err *e)
{
        __attribute__((cleanup(run_done))) struct run r = { .packing = packing,
                                                            .codec = find_codec(packing),
                                                            .io = io };

        if (!r.codec)
                return err_set(e, ENOTSUP, "unsupported compression");
        if (run_start(&r, e) < 0)
                return -e->code;
        while (!r.blocks.is_over) {
                int result = fill(&r, e);
                if (result == 0)
                        result = reserve(&r);
                if (result == 0)
                        result = step(&r, e);
                if (result == 0)
                        result = publish(&r, e);
                if (result < 0)
                        return result;
        }
        return 0;
}
