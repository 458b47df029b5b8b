#include "fd.h"
#include "io.h"
#include "mem.h"
#include "stream.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

/* Several times what fits into the ring of blocks. */
#define SIZE ((size_t)20 << 20)

static int file_of(const void *data, size_t len)
{
        struct err e = { 0 };
        int fd = memfd_create("stream", MFD_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(io_write_all(fd, data, len, "it", &e), 0);
        return fd;
}

/* Text that can be compressed but not at once. */
static char *make_text(size_t len)
{
        char *text = malloc(len);
        uint32_t x = 1;

        for (size_t i = 0; i < len; i++) {
                x = x * 1664525u + 1013904223u;
                text[i] = (char)('a' + (x >> 28));
        }
        return text;
}

static size_t gzip(const char *data, size_t len, unsigned char *out, size_t size)
{
        z_stream z = { .next_in = (Bytef *)data,
                       .avail_in = (uInt)len,
                       .next_out = out,
                       .avail_out = (uInt)size };

        assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
        assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
        deflateEnd(&z);
        return size - z.avail_out;
}

static int read_whole(const struct stream_spec *spec, char *out, size_t size, size_t *ret_len,
                      struct stream_result *ret, struct err *e)
{
        enum packing packing;
        autostream *s = NULL;
        const void *block;
        size_t len;

        if (stream_recognise(&spec->in, &packing, e) < 0 || stream_start(spec, packing, &s, e) < 0)
                return -e->code;
        *ret_len = 0;
        while ((block = stream_read(s, &len))) {
                assert_true(len <= size - *ret_len);
                memcpy(out + *ret_len, block, len);
                *ret_len += len;
        }
        return stream_finish(s, ret, e);
}

struct fixture {
        char *text;
        unsigned char *packed;
        size_t packed_len;
        char *out;
        struct digest text_digest;
        struct digest packed_digest;
};

static int setup(void **state)
{
        struct fixture *f = calloc(1, sizeof(*f));
        struct err e = { 0 };

        f->text = make_text(SIZE);
        f->packed = malloc(2 * SIZE);
        f->packed_len = gzip(f->text, SIZE, f->packed, 2 * SIZE);
        f->out = malloc(3 * SIZE);
        digest_of(f->text, SIZE, &f->text_digest, &e);
        digest_of(f->packed, f->packed_len, &f->packed_digest, &e);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *f = *state;

        free(f->text);
        free(f->packed);
        free(f->out);
        free(f);
        return 0;
}

static void plain(void **state)
{
        struct fixture *f = *state;
        autofd fd = file_of(f->text, SIZE);
        autofd copy = file_of("", 0);
        struct stream_spec spec = { .in = { fd, 0, SIZE }, .packed_out = copy, .plain_out = -1 };
        struct stream_result result;
        struct err e = { 0 };
        size_t len;

        assert_int_equal(read_whole(&spec, f->out, SIZE, &len, &result, &e), 0);
        assert_int_equal(len, SIZE);
        assert_memory_equal(f->out, f->text, SIZE);
        assert_true(digest_is_same(&result.packed, &f->text_digest));
        assert_true(digest_is_same(&result.plain, &f->text_digest));
        assert_int_equal(pread(copy, f->out, SIZE, 0), SIZE);
        assert_memory_equal(f->out, f->text, SIZE);
}

static void packed(void **state)
{
        struct fixture *f = *state;
        autofd fd = file_of(f->packed, f->packed_len);
        autofd packed_copy = file_of("", 0);
        autofd plain_copy = file_of("", 0);
        struct stream_spec spec = { .in = { fd, 0, f->packed_len },
                                    .packed_out = packed_copy,
                                    .plain_out = plain_copy };
        struct stream_result result;
        struct err e = { 0 };
        size_t len;

        assert_int_equal(read_whole(&spec, f->out, SIZE, &len, &result, &e), 0);
        assert_int_equal(len, SIZE);
        assert_memory_equal(f->out, f->text, SIZE);
        assert_true(digest_is_same(&result.packed, &f->packed_digest));
        assert_true(digest_is_same(&result.plain, &f->text_digest));
        assert_int_equal(result.plain_size, SIZE);
        assert_int_equal(pread(plain_copy, f->out, SIZE, 0), SIZE);
        assert_memory_equal(f->out, f->text, SIZE);
        assert_int_equal(pread(packed_copy, f->out, SIZE, 0), f->packed_len);
        assert_memory_equal(f->out, f->packed, f->packed_len);
}

/* A region is read from its offset to its end and not a byte more. */
static void a_part_of_a_file(void **state)
{
        struct fixture *f = *state;
        autofd fd = file_of(f->text, 1000);
        struct stream_spec spec = { .in = { fd, 100, 300 }, .packed_out = -1, .plain_out = -1 };
        struct stream_result result;
        struct err e = { 0 };
        size_t len;

        assert_int_equal(read_whole(&spec, f->out, SIZE, &len, &result, &e), 0);
        assert_int_equal(len, 300);
        assert_memory_equal(f->out, f->text + 100, 300);
        spec.in.size = 5000;
        assert_int_equal(read_whole(&spec, f->out, SIZE, &len, &result, &e), -EIO);
}

/* Members follow each other; what is not a member behind them is ignored but hashed. */
static void gzip_members(void **state)
{
        struct fixture *f = *state;
        unsigned char data[4096];
        struct stream_result result;
        struct digest whole;
        struct err e = { 0 };
        size_t len;
        size_t n = gzip("hello ", 6, data, 1000);

        n += gzip("", 0, data + n, 1000);
        n += gzip("world", 5, data + n, 1000);
        memcpy(data + n, "junk", 4);
        n += 4;
        autofd fd = file_of(data, n);
        struct stream_spec spec = { .in = { fd, 0, n }, .packed_out = -1, .plain_out = -1 };
        assert_int_equal(read_whole(&spec, f->out, SIZE, &len, &result, &e), 0);
        assert_int_equal(len, 11);
        assert_memory_equal(f->out, "hello world", 11);
        digest_of(data, n, &whole, &e);
        assert_true(digest_is_same(&result.packed, &whole));
}

static void damaged_gzip(void **state)
{
        struct fixture *f = *state;
        unsigned char data[4096];
        size_t n = gzip(f->text, 1000, data, sizeof(data));

        for (size_t cut = 3; cut < n; cut += 7) {
                autofd fd = file_of(data, cut);
                struct stream_spec spec = { .in = { fd, 0, cut },
                                            .packed_out = -1,
                                            .plain_out = -1 };
                struct stream_result result;
                struct err e = { 0 };
                size_t len;

                assert_int_equal(read_whole(&spec, f->out, SIZE, &len, &result, &e), -EINVAL);
        }
        /* any bit behind the header: the data, the CRC, the length */
        for (size_t at = 10; at < n; at += 3) {
                data[at] ^= 0x10;
                autofd fd = file_of(data, n);
                struct stream_spec spec = { .in = { fd, 0, n }, .packed_out = -1, .plain_out = -1 };
                struct stream_result result;
                struct err e = { 0 };
                size_t len;

                if (read_whole(&spec, f->out, SIZE, &len, &result, &e) == 0)
                        fail_msg("the flipped byte %zu was not noticed", at);
                data[at] ^= 0x10;
        }
}

static void stopped_in_the_middle(void **state)
{
        struct fixture *f = *state;
        autofd fd = file_of(f->packed, f->packed_len);
        struct stream_spec spec = { .in = { fd, 0, f->packed_len },
                                    .packed_out = -1,
                                    .plain_out = -1 };
        struct err e = { 0 };
        size_t len;

        for (unsigned blocks = 0; blocks < 40; blocks += 13) {
                autostream *s = NULL;

                assert_int_equal(stream_start(&spec, PACKING_GZIP, &s, &e), 0);
                for (unsigned i = 0; i < blocks; i++)
                        assert_non_null(stream_read(s, &len));
                assert_int_equal(stream_stop(s, &e), 0);
        }
}

static void kinds(void **state)
{
        static const struct {
                const char *head;
                size_t len;
                enum packing packing;
        } cases[] = {
                { "\x1f\x8b\x08", 3, PACKING_GZIP },
                { "\xfd"
                  "7zXZ\0",
                  6, PACKING_XZ },
                { "\x28\xb5\x2f\xfd", 4, PACKING_ZSTD },
                { "BZh9", 4, PACKING_OTHER },
                { "PK\x03\x04", 4, PACKING_OTHER },
                { "7z\xbc\xaf\x27\x1c", 6, PACKING_OTHER },
                { "070701", 6, PACKING_OTHER },
                { "hello", 5, PACKING_NONE },
                { "", 0, PACKING_NONE },
        };
        unsigned char tar[512] = "BZh";

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                assert_int_equal(decode_recognise(cases[i].head, cases[i].len), cases[i].packing);
        memcpy(tar + 257, "ustar", 5);
        assert_int_equal(decode_recognise(tar, sizeof(tar)), PACKING_NONE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(plain),
                cmocka_unit_test(packed),
                cmocka_unit_test(a_part_of_a_file),
                cmocka_unit_test(gzip_members),
                cmocka_unit_test(damaged_gzip),
                cmocka_unit_test(stopped_in_the_middle),
                cmocka_unit_test(kinds),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
