/*
 * Streams of every kind, with the input in pieces and the room in pieces of all sizes: whatever the
 * library keeps from one step to the next, the result is the same, and so is what is refused.
 */

#include "decode.h"
#include "limit.h"

#include <errno.h>
#include <lzma.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

#define MOST 400000u

/* ------ a stream in memory ------ */

struct bytes {
        unsigned char data[MOST];
        size_t len;
};

struct feed {
        const struct bytes *in;
        size_t at;
        size_t piece;
        struct bytes *out;
        size_t room;
};

static int pull(void *context, const void **ret_data, size_t *ret_len, struct err *e)
{
        struct feed *f = context;
        size_t left = f->in->len - f->at;

        (void)e;
        *ret_len = left < f->piece ? left : f->piece;
        *ret_data = f->in->data + f->at;
        f->at += *ret_len;
        return 0;
}

static char *reserve(void *context, size_t *ret_size)
{
        struct feed *f = context;
        size_t left = MOST - f->out->len;

        *ret_size = left < f->room ? left : f->room;
        return left > 0 ? (char *)f->out->data + f->out->len : NULL;
}

static int publish(void *context, size_t len, struct err *e)
{
        struct feed *f = context;

        (void)e;
        f->out->len += len;
        return 0;
}

static int decode(const struct bytes *in, size_t piece, size_t room, struct bytes *out,
                  struct err *e)
{
        struct feed f = { .in = in, .piece = piece, .out = out, .room = room };
        const struct decode_io io = { &f, pull, reserve, publish };

        *e = (struct err){ 0 };
        out->len = 0;
        return decode_run(decode_recognise(in->data, in->len), &io, e);
}

/* How the input is cut, and how much room there is at a time. */
static const struct {
        size_t piece;
        size_t room;
} cuts[] = {
        { 1, MOST },    { 2, MOST },      { 7, MOST },    { 11, MOST },    { 100, MOST },
        { 4096, MOST }, { 32768, MOST },  { MOST, MOST }, { MOST, 65537 }, { MOST, 32768 },
        { MOST, 4096 }, { MOST, 500 },    { 7, 65537 },   { 7, 32769 },    { 7, 500 },
        { 4096, 4096 }, { 65536, 65536 },
};
#define N_CUTS (sizeof(cuts) / sizeof(cuts[0]))

struct fixture {
        struct bytes text;
        struct bytes in;
        struct bytes out;
};

static int setup(void **state)
{
        struct fixture *f = calloc(1, sizeof(*f));
        uint32_t x = 1;

        /* near and far repeats, and what does not repeat */
        f->text.len = 100000;
        for (size_t i = 0; i < f->text.len; i++) {
                x = x * 1664525u + 1013904223u;
                f->text.data[i] = i % 7 ? (unsigned char)(x >> 28) : (unsigned char)(x >> 24);
                if (i >= 32768 && i / 1000 % 3 == 0)
                        f->text.data[i] = f->text.data[i - 32768];
        }
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        free(*state);
        return 0;
}

/* The text `times` over comes out, however it is cut in pieces. */
static void assert_text(struct fixture *f, unsigned times)
{
        struct err e;

        for (size_t i = 0; i < N_CUTS; i++) {
                if (decode(&f->in, cuts[i].piece, cuts[i].room, &f->out, &e) < 0)
                        fail_msg("pieces of %zu, room of %zu: %s", cuts[i].piece, cuts[i].room,
                                 e.text);
                assert_int_equal(f->out.len, times * f->text.len);
                for (unsigned t = 0; t < times; t++)
                        assert_memory_equal(f->out.data + t * f->text.len, f->text.data,
                                            f->text.len);
        }
}

/* It is refused, and `reason` is a part of why. */
static void assert_refused(struct fixture *f, int code, const char *reason)
{
        struct err e;

        for (size_t i = 0; i < N_CUTS; i++) {
                int r = decode(&f->in, cuts[i].piece, cuts[i].room, &f->out, &e);

                if (r != -code || !strstr(e.text, reason))
                        fail_msg("pieces of %zu: %d, '%s'", cuts[i].piece, r, e.text);
        }
}

/* Cut anywhere but in the `n` places of `whole`, it is refused. */
static void assert_cuts(struct fixture *f, const char *reason, const size_t *whole, size_t n)
{
        size_t len = f->in.len;
        struct err e;

        for (size_t cut = 8; cut < len; cut += cut < 60 || cut + 60 > len ? 1 : 997) {
                bool is_whole = false;

                for (size_t i = 0; i < n; i++)
                        is_whole = is_whole || whole[i] == cut;
                f->in.len = cut;
                int r = decode(&f->in, 1000, 5000, &f->out, &e);
                if (is_whole ? r != 0 : r != -EINVAL || !strstr(e.text, reason))
                        fail_msg("cut at %zu of %zu: %d, '%s'", cut, len, r, e.text);
        }
        f->in.len = len;
}

/* A bit of a byte is flipped: refused, or it means nothing and the text is what it was. */
static void assert_flips(struct fixture *f, size_t from)
{
        size_t len = f->in.len;
        unsigned refused = 0;
        unsigned tried = 0;
        struct err e;

        for (size_t at = from; at < len; at += at < 60 || at + 60 > len ? 1 : 997) {
                f->in.data[at] ^= (unsigned char)(1u << at % 8);
                int r = decode(&f->in, 3000, MOST, &f->out, &e);
                f->in.data[at] ^= (unsigned char)(1u << at % 8);
                tried++;
                if (r < 0 && e.code > 0)
                        refused++;
                else if (f->out.len != f->text.len ||
                         memcmp(f->out.data, f->text.data, f->text.len) != 0)
                        fail_msg("byte %zu of %zu was changed: not noticed", at, len);
        }
        if (refused * 20 < tried * 19)
                fail_msg("%u changes, and only %u of them refused", tried, refused);
}

static void add(struct bytes *to, const void *data, size_t len)
{
        assert_true(len <= MOST - to->len);
        memcpy(to->data + to->len, data, len);
        to->len += len;
}

/* ------ gzip ------ */

static void add_gzip_of(struct bytes *to, const void *data, size_t len, int level,
                        gz_header *header)
{
        z_stream z = { .next_in = (Bytef *)data,
                       .avail_in = (uInt)len,
                       .next_out = to->data + to->len,
                       .avail_out = (uInt)(MOST - to->len) };

        assert_int_equal(deflateInit2(&z, level, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
        if (header)
                assert_int_equal(deflateSetHeader(&z, header), Z_OK);
        assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
        to->len = MOST - z.avail_out;
        deflateEnd(&z);
}

static void add_gzip(struct fixture *f, int level, gz_header *header)
{
        add_gzip_of(&f->in, f->text.data, f->text.len, level, header);
}

/* Level 0: stored blocks; 1: the codes that every reader knows, for a short text. */
static void gzip(void **state)
{
        struct fixture *f = *state;

        for (int level = 0; level <= 9; level += 3) {
                f->in.len = 0;
                add_gzip(f, level, NULL);
                assert_text(f, 1);
        }
        struct err e;
        f->in.len = 0;
        add_gzip_of(&f->in, "aaaaaaaaaaaaaaaaaaaab", 21, 1, NULL);
        assert_int_equal(decode(&f->in, 1, 1, &f->out, &e), 0);
        assert_int_equal(f->out.len, 21);
        assert_memory_equal(f->out.data, "aaaaaaaaaaaaaaaaaaaab", 21);
        f->in.len = 0;
        add_gzip_of(&f->in, "", 0, 1, NULL);
        assert_int_equal(decode(&f->in, 1, 1, &f->out, &e), 0);
        assert_int_equal(f->out.len, 0);
}

static void make_header(gz_header *header)
{
        static unsigned char extra[3000];

        memset(extra, 'x', sizeof(extra));
        *header = (gz_header){ .text = 1,
                               .time = 1,
                               .extra = extra,
                               .extra_len = sizeof(extra),
                               .name = (Bytef *)"name",
                               .comment = (Bytef *)"comment",
                               .hcrc = 1 };
}

static void gzip_members(void **state)
{
        struct fixture *f = *state;
        gz_header header;
        size_t ends[2];

        make_header(&header);
        f->in.len = 0;
        add_gzip(f, 6, &header);
        ends[0] = f->in.len;
        add_gzip(f, 1, NULL);
        assert_text(f, 2);
        assert_cuts(f, "cut off", ends, 1);
        /* padding and junk mean nothing; a member that only begins is cut off */
        ends[1] = f->in.len;
        add(&f->in, "\0\0\0\0\x1f", 5);
        assert_text(f, 2);
        f->in.len = ends[1];
        add(&f->in, "junk", 4);
        assert_text(f, 2);
        f->in.len = ends[1];
        add(&f->in, "\x1f", 1);
        assert_refused(f, EINVAL, "the gzip stream is cut off");
        add(&f->in, "junkjunkjunk", 12);
        assert_refused(f, EINVAL, "the gzip stream is damaged: incorrect header check");
}

static void gzip_headers(void **state)
{
        struct fixture *f = *state;
        gz_header header;
        static const size_t flag_sets[][4] = { { 1, 0, 0, 0 }, { 0, 1, 0, 0 }, { 0, 0, 1, 0 },
                                               { 0, 0, 0, 1 }, { 1, 0, 1, 1 }, { 0, 1, 1, 1 } };

        for (size_t i = 0; i < sizeof(flag_sets) / sizeof(flag_sets[0]); i++) {
                make_header(&header);
                header.extra = flag_sets[i][0] ? header.extra : NULL;
                header.name = flag_sets[i][1] ? header.name : NULL;
                header.comment = flag_sets[i][2] ? header.comment : NULL;
                header.hcrc = (int)flag_sets[i][3];
                f->in.len = 0;
                add_gzip(f, 1, &header);
                assert_text(f, 1);
        }
        make_header(&header);
        f->in.len = 0;
        add_gzip(f, 1, &header);
        f->in.data[12 + 1000] ^= 1;
        assert_refused(f, EINVAL, "the gzip stream is damaged: header crc mismatch");
        f->in.data[3] |= 0x40;
        assert_refused(f, EINVAL, "the gzip stream is damaged: unknown header flags set");
        f->in.data[2] = 7;
        assert_refused(f, EINVAL, "the gzip stream is damaged: unknown compression method");
}

static void damaged_gzip(void **state)
{
        struct fixture *f = *state;

        for (int level = 0; level <= 6; level += 6) {
                f->in.len = 0;
                add_gzip(f, level, NULL);
                /* behind the header: the data, the CRC, the length */
                assert_flips(f, 10);
                assert_cuts(f, "cut off", NULL, 0);
        }
        f->in.data[f->in.len - 6] ^= 0x80;
        assert_refused(f, EINVAL, "the gzip stream is damaged: incorrect data check");
        /* back beyond the first byte */
        f->in.len = 0;
        add(&f->in, "\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\x02\0\0\0\0\0\0\0\0\0\0\0", 23);
        assert_refused(f, EINVAL, "the gzip stream is damaged: invalid distance too far back");
        /* a block of the type that there is not */
        f->in.len = 10;
        add(&f->in, "\x07\0\0\0\0\0\0\0\0\0\0", 11);
        assert_refused(f, EINVAL, "the gzip stream is damaged: invalid block");
}

/* ------ xz ------ */

static void add_xz(struct fixture *f, lzma_check check, uint32_t dictionary)
{
        lzma_options_lzma options;
        lzma_filter filters[] = { { LZMA_FILTER_LZMA2, &options }, { LZMA_VLI_UNKNOWN, NULL } };

        lzma_lzma_preset(&options, 0);
        options.dict_size = dictionary;
        assert_int_equal(lzma_stream_buffer_encode(filters, check, NULL, f->text.data, f->text.len,
                                                   f->in.data, &f->in.len, MOST),
                         LZMA_OK);
}

static void xz(void **state)
{
        static const lzma_check checks[] = { LZMA_CHECK_NONE, LZMA_CHECK_CRC32, LZMA_CHECK_CRC64,
                                             LZMA_CHECK_SHA256 };
        struct fixture *f = *state;
        size_t end;

        for (size_t i = 0; i < 4; i++) {
                f->in.len = 0;
                add_xz(f, checks[i], 1u << 20);
                assert_text(f, 1);
                assert_cuts(f, "cut off", NULL, 0);
                if (checks[i] != LZMA_CHECK_NONE)
                        assert_flips(f, 6);
        }
        /* padding is of four zeros, and may be between streams */
        end = f->in.len;
        add(&f->in, "\0\0\0\0\0\0\0\0", 8);
        add_xz(f, LZMA_CHECK_CRC32, 1u << 20);
        add(&f->in, "\0\0\0\0", 4);
        assert_text(f, 2);
        f->in.len = end;
        add(&f->in, "\0\0\0", 3);
        assert_refused(f, EINVAL, "the xz stream is damaged");
        f->in.len = end;
        add(&f->in, "junkjunkjunk", 12);
        assert_refused(f, EINVAL, "the xz stream is damaged");
}

/* One that only this test knows: the numbers of checks have CRCs of their own. */
static void unknown_xz_check(void **state)
{
        struct fixture *f = *state;
        uint32_t crc;

        f->in.len = 0;
        add_xz(f, LZMA_CHECK_CRC32, 1u << 20);
        f->in.data[7] = 2;
        crc = lzma_crc32(f->in.data + 6, 2, 0);
        for (unsigned i = 0; i < 4; i++)
                f->in.data[8 + i] = (unsigned char)(crc >> 8 * i);
        assert_refused(f, ENOTSUP, "a check that liblzma cannot make");
}

static void large_xz(void **state)
{
        struct fixture *f = *state;

        f->in.len = 0;
        add_xz(f, LZMA_CHECK_CRC64, LIMIT_WINDOW);
        assert_text(f, 1);
        /* of the second stream, too */
        add_xz(f, LZMA_CHECK_CRC64, 2 * LIMIT_WINDOW);
        assert_refused(f, DECODE_MEMORY_ERROR,
                       "the xz stream takes 65 MiB of memory, and the limit is 33 MiB\n"
                       "xz -dc FILE | kelp import - NAME");
        f->in.len = 0;
        add_xz(f, LZMA_CHECK_CRC64, LIMIT_WINDOW / 2 * 3);
        assert_refused(f, DECODE_MEMORY_ERROR, "takes 49 MiB of memory, and the limit is 33 MiB");
}

/* ------ zstd ------ */

/* As who does not know how much there will be: with a window, in steps. */
static void add_zstd(struct fixture *f, int window_log, bool has_size)
{
        ZSTD_CCtx *c = ZSTD_createCCtx();
        ZSTD_inBuffer in = { f->text.data, f->text.len, 0 };
        ZSTD_outBuffer out = { f->in.data, MOST, f->in.len };

        ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
        if (window_log)
                ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, window_log);
        if (has_size)
                ZSTD_CCtx_setPledgedSrcSize(c, f->text.len);
        else
                ZSTD_compressStream2(c, &out, &in, ZSTD_e_flush);
        assert_int_equal(ZSTD_compressStream2(c, &out, &in, ZSTD_e_end), 0);
        f->in.len = out.pos;
        ZSTD_freeCCtx(c);
}

#define SKIPPED "\x5a\x2a\x4d\x18\x05\0\0\0three"
#define EMPTY   "\x50\x2a\x4d\x18\0\0\0\0"

static void zstd(void **state)
{
        struct fixture *f = *state;
        size_t ends[4];
        size_t n = 0;

        for (int has_size = 0; has_size <= 1; has_size++) {
                f->in.len = 0;
                add_zstd(f, 0, has_size);
                assert_text(f, 1);
                assert_cuts(f, "cut off", NULL, 0);
                /* a larger window, and flags for nobody, mean nothing */
                assert_flips(f, 6);
        }
        /* frames, and such as are to be skipped: first, between, last */
        f->in.len = 0;
        add(&f->in, SKIPPED, sizeof(SKIPPED) - 1);
        ends[n++] = f->in.len;
        add_zstd(f, 0, false);
        ends[n++] = f->in.len;
        add(&f->in, EMPTY, sizeof(EMPTY) - 1);
        ends[n++] = f->in.len;
        add_zstd(f, 0, true);
        ends[n++] = f->in.len;
        add(&f->in, SKIPPED, sizeof(SKIPPED) - 1);
        assert_text(f, 2);
        assert_cuts(f, "cut off", ends, n);
}

static void damaged_zstd(void **state)
{
        struct fixture *f = *state;

        f->in.len = 0;
        add_zstd(f, 0, true);
        size_t end = f->in.len;
        add(&f->in, "\0\0\0\0", 4);
        assert_refused(f, EINVAL, "the zstd stream is damaged: Unknown frame descriptor");
        f->in.len = end;
        add(&f->in, "\x28junk", 5);
        assert_refused(f, EINVAL, "the zstd stream is damaged: Unknown frame descriptor");
        /* a format from before the first version: its windows know no limit */
        f->in.len = end;
        add(&f->in, "\x27\xb5\x2f\xfd\x10\xc0\0\0\0\0\0\0", 12);
        assert_refused(f, EINVAL, "the zstd stream is damaged: Unknown frame descriptor");
        f->in.len = end;
        f->in.data[end - 1] ^= 1;
        assert_refused(f, EINVAL, "checksum");
}

static void large_zstd(void **state)
{
        struct fixture *f = *state;
        size_t end;

        f->in.len = 0;
        add_zstd(f, 25, false);
        assert_text(f, 1);
        end = f->in.len;
        add_zstd(f, 27, false);
        assert_refused(f, DECODE_MEMORY_ERROR,
                       "the zstd stream takes a window of 128 MiB, and the limit is 32 MiB\n"
                       "zstd -dc --long=31 FILE | kelp import - NAME");
        /* 32 MiB and an eighth */
        f->in.len = end;
        add(&f->in, "\x28\xb5\x2f\xfd\0\x79\0\0", 8);
        assert_refused(f, DECODE_MEMORY_ERROR, "a window of 36 MiB");
        /* a single segment of 64 MiB + 1, with the id of a dictionary; of 2^40 */
        f->in.len = end;
        add(&f->in, "\x28\xb5\x2f\xfd\xa3\0\0\0\0\1\0\0\4\0\0\0\0\0", 18);
        assert_refused(f, DECODE_MEMORY_ERROR, "a window of 65 MiB");
        f->in.len = end;
        add(&f->in, "\x28\xb5\x2f\xfd\xe0\0\0\0\0\0\1\0\0\0\0", 15);
        assert_refused(f, DECODE_MEMORY_ERROR, "a window of 1048576 MiB");
}

/* ------ all ------ */

static void packed_twice(void **state)
{
        struct fixture *f = *state;
        struct bytes *inner = malloc(sizeof(*inner));

        for (int i = 0; i < 3; i++) {
                f->in.len = 0;
                if (i == 0)
                        add_gzip(f, 1, NULL);
                else if (i == 1)
                        add_xz(f, LZMA_CHECK_CRC32, 1u << 20);
                else
                        add_zstd(f, 0, true);
                *inner = f->in;
                f->in.len = 0;
                add_gzip_of(&f->in, inner->data, inner->len, 1, NULL);
                struct err e;
                assert_int_equal(decode(&f->in, 1000, 65536, &f->out, &e), -EINVAL);
                assert_string_equal(e.text, "the stream is compressed more than once");
        }
        /* the name of a tar archive's first member only looks so */
        memset(inner->data, 0, 1024);
        memcpy(inner->data, "\x1f\x8b", 2);
        memcpy(inner->data + 257, "ustar", 5);
        f->in.len = 0;
        add_gzip_of(&f->in, inner->data, 1024, 1, NULL);
        struct err e;
        assert_int_equal(decode(&f->in, 1000, 65536, &f->out, &e), 0);
        assert_int_equal(f->out.len, 1024);
        free(inner);
}

static void plain(void **state)
{
        struct fixture *f = *state;

        f->in = f->text;
        assert_int_equal(decode_recognise(f->in.data, f->in.len), PACKING_NONE);
        assert_text(f, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(gzip),         cmocka_unit_test(gzip_members),
                cmocka_unit_test(gzip_headers), cmocka_unit_test(damaged_gzip),
                cmocka_unit_test(xz),           cmocka_unit_test(unknown_xz_check),
                cmocka_unit_test(large_xz),     cmocka_unit_test(zstd),
                cmocka_unit_test(damaged_zstd), cmocka_unit_test(large_zstd),
                cmocka_unit_test(packed_twice), cmocka_unit_test(plain),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
