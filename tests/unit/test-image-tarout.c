/* The tar writer: the same bytes each time, and what the reader makes of them. */

#include "fd.h"
#include "io.h"
#include "limit.h"
#include "mem.h"
#include "stream.h"
#include "tar.h"
#include "tarout.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MIB (1u << 20)

static int file(void)
{
        int fd = memfd_create("tar", MFD_CLOEXEC);

        assert_true(fd >= 0);
        return fd;
}

static uint64_t size_of(int fd)
{
        struct stat st;

        assert_int_equal(fstat(fd, &st), 0);
        return (uint64_t)st.st_size;
}

static void put(struct tarout *t, const char *name, const char *text)
{
        struct err e = { 0 };

        if (tarout_text(t, name, text, strlen(text), &e) < 0)
                fail_msg("%s", e.text);
}

/* A few entries with all that is special. */
static struct tarout_result write_some(int fd, bool is_gzip)
{
        struct archive_entry *entry = archive_entry_new();
        struct tarout_result result;
        autotarout *t = NULL;
        struct err e = { 0 };

        assert_int_equal(tarout_open(fd, is_gzip ? TAROUT_GZIP : 0, "the test", &t, &e), 0);
        archive_entry_copy_pathname(entry, "d");
        archive_entry_set_filetype(entry, AE_IFDIR);
        archive_entry_set_perm(entry, 02755);
        archive_entry_set_uid(entry, 3000000);
        archive_entry_set_mtime(entry, 5, 123456789);
        archive_entry_xattr_add_entry(entry, "user.x", "y", 1);
        assert_int_equal(tarout_entry(t, entry, &e), 0);
        archive_entry_free(entry);
        put(t, "d/file", "content\n");
        put(t, "d/\xff name", "");
        assert_int_equal(tarout_finish(t, &result, &e), 0);
        assert_int_equal(result.packed_size, size_of(fd));
        return result;
}

static void same_bytes(void **state)
{
        (void)state;
        for (int is_gzip = 0; is_gzip <= 1; is_gzip++) {
                autofd one = file();
                autofd two = file();
                struct tarout_result first = write_some(one, is_gzip);
                struct tarout_result second = write_some(two, is_gzip);

                assert_string_equal(first.packed.hex, second.packed.hex);
                assert_string_equal(first.plain.hex, second.plain.hex);
        }
}

static void both_forms_are_one_tar(void **state)
{
        autofd plain = file();
        autofd packed = file();
        struct tarout_result first = write_some(plain, false);
        struct tarout_result second = write_some(packed, true);

        (void)state;
        assert_string_equal(first.packed.hex, first.plain.hex);
        assert_string_equal(first.plain.hex, second.plain.hex);
        assert_string_not_equal(second.packed.hex, second.plain.hex);
}

static void nothing_but_two_blocks_ends_it(void **state)
{
        autofd fd = file();
        autotarout *t = NULL;
        struct tarout_result result;
        struct err e = { 0 };

        (void)state;
        assert_int_equal(tarout_open(fd, 0, "the test", &t, &e), 0);
        assert_int_equal(tarout_finish(t, &result, &e), 0);
        assert_int_equal(size_of(fd), 1024);
        assert_string_equal(result.plain.hex,
                            "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef");
}

static void reader_finds_what_was_written(void **state)
{
        autofd fd = file();
        struct archive_entry *entry;
        autotar tar = { 0 };
        struct err e = { 0 };
        const char *name;
        const void *value;
        size_t len;

        (void)state;
        write_some(fd, false);
        const struct region all = { .fd = fd, .size = size_of(fd) };
        assert_int_equal(tar_open_file(&tar, &all, &e), 0);
        assert_int_equal(tar_next(&tar, &entry, &e), 0);
        assert_string_equal(archive_entry_pathname(entry), "d/");
        assert_int_equal(archive_entry_perm(entry), 02755);
        assert_int_equal(archive_entry_uid(entry), 3000000);
        assert_int_equal(archive_entry_mtime_nsec(entry), 123456789);
        assert_int_equal(archive_entry_xattr_reset(entry), 1);
        assert_int_equal(archive_entry_xattr_next(entry, &name, &value, &len), ARCHIVE_OK);
        assert_string_equal(name, "user.x");
        assert_int_equal(tar_next(&tar, &entry, &e), 0);
        assert_string_equal(archive_entry_pathname(entry), "d/file");
        assert_int_equal(archive_entry_size(entry), 8);
        assert_int_equal(archive_entry_mtime(entry), 0);
        assert_int_equal(tar_next(&tar, &entry, &e), 0);
        assert_string_equal(archive_entry_pathname(entry), "d/\xff name");
        assert_int_equal(tar_next(&tar, &entry, &e), 0);
        assert_null(entry);
}

/* ------ what names, attributes and times an entry may have ------ */

static struct archive_entry *new_entry(const char *name, unsigned type)
{
        struct archive_entry *entry = archive_entry_new();

        archive_entry_copy_pathname(entry, name);
        archive_entry_set_filetype(entry, type);
        archive_entry_set_perm(entry, 0644);
        archive_entry_set_mtime(entry, 0, 0);
        archive_entry_set_size(entry, 0);
        return entry;
}

static void write_entry(struct tarout *t, struct archive_entry *entry)
{
        struct err e = { 0 };

        if (tarout_entry(t, entry, &e) < 0)
                fail_msg("%s", e.text);
        archive_entry_free(entry);
}

static struct archive_entry *next(struct tar *tar)
{
        struct archive_entry *entry = NULL;
        struct err e = { 0 };

        if (tar_next(tar, &entry, &e) < 0)
                fail_msg("%s", e.text);
        return entry;
}

/* Starts reading what is in `fd`. */
static void reopen(struct tar *tar, struct tarout *t, int fd)
{
        struct tarout_result result;
        struct err e = { 0 };

        assert_int_equal(tarout_finish(t, &result, &e), 0);
        const struct region all = { .fd = fd, .size = size_of(fd) };
        assert_int_equal(all.size % 512, 0);
        assert_int_equal(tar_open_file(tar, &all, &e), 0);
}

static char *repeat(const char *text, size_t n)
{
        char *all = calloc(n, strlen(text) + 1);

        for (size_t i = 0; i < n; i++)
                memcpy(all + i * strlen(text), text, strlen(text));
        return all;
}

static void names_are_bytes(void **state)
{
        autofree char *hundred = repeat("n", 100);
        autofree char *more = repeat("n", 101);
        autofree char *deep = repeat("u\xcc\x88/", 300);
        autofree char *deep_latin = repeat("\xfc/", 300);
        const char *const names[] = {
                "u\xcc\x88", /* decomposed: NFD */
                "\xc3\xbc",  /* composed: NFC */
                "\xe1\x84\x80\xe1\x85\xa1",
                "\xea\xb0\x80",
                "\xe2\x84\xab", /* ANGSTROM SIGN, KELVIN SIGN: one character composed */
                "\xe2\x84\xaa",
                "K",
                "\xfc", /* Latin-1, overlong, a surrogate, too large */
                "\xc0\xaf",
                "\xed\xa0\x80",
                "\xf5\x80\x80\x80",
                "a\nb=c d",
                hundred,
                more,
                deep,
                deep_latin,
        };
        const size_t n = sizeof(names) / sizeof(names[0]);
        autofd fd = file();
        autotarout *t = NULL;
        autotar tar = { 0 };
        struct err e = { 0 };

        (void)state;
        assert_int_equal(tarout_open(fd, 0, "the test", &t, &e), 0);
        for (size_t i = 0; i < n; i++) {
                write_entry(t, new_entry(names[i], AE_IFREG));
                struct archive_entry *entry = new_entry(names[n - 1 - i], AE_IFLNK);
                archive_entry_copy_symlink(entry, names[i]);
                write_entry(t, entry);
                entry = new_entry("link", AE_IFREG);
                archive_entry_copy_hardlink(entry, names[i]);
                write_entry(t, entry);
        }
        reopen(&tar, t, fd);
        for (size_t i = 0; i < n; i++) {
                assert_string_equal(archive_entry_pathname(next(&tar)), names[i]);
                struct archive_entry *entry = next(&tar);
                assert_string_equal(archive_entry_pathname(entry), names[n - 1 - i]);
                assert_string_equal(archive_entry_symlink(entry), names[i]);
                assert_string_equal(archive_entry_hardlink(next(&tar)), names[i]);
        }
        assert_null(next(&tar));
}

static void attributes_keep_their_names(void **state)
{
        static const char *const names[] = {
                "user.%41", "user.%3D",          "user.\n",    "user.a b",
                "user.a=b", "user.=%\n\xff\xc3", "user.plain", "user.\xc3\xbc\xff",
        };
        static const char value[] = "\0=\n\xff value";
        const size_t n = sizeof(names) / sizeof(names[0]);
        struct archive_entry *entry = new_entry("f", AE_IFREG);
        autofd fd = file();
        autotarout *t = NULL;
        autotar tar = { 0 };
        struct err e = { 0 };

        (void)state;
        for (size_t i = 0; i < n; i++)
                archive_entry_xattr_add_entry(entry, names[i], value, i);
        assert_int_equal(tarout_open(fd, 0, "the test", &t, &e), 0);
        write_entry(t, entry);
        reopen(&tar, t, fd);
        entry = next(&tar);
        /* it lists the last one first, and what was written was listed so, too */
        assert_int_equal(archive_entry_xattr_reset(entry), n);
        for (size_t i = 0; i < n; i++) {
                const char *name;
                const void *got;
                size_t size;

                assert_int_equal(archive_entry_xattr_next(entry, &name, &got, &size), ARCHIVE_OK);
                assert_string_equal(name, names[i]);
                assert_int_equal(size, i);
                assert_memory_equal(got, value, i);
        }
}

static void large_numbers_have_records(void **state)
{
        static const struct {
                la_int64_t sec;
                long nsec;
                const char *record;
        } times[] = {
                { 1, 5, " mtime=1.000000005\n" },
                { -1, 0, " mtime=-1.000000000\n" },
                { -2, 500000000, " mtime=-1.500000000\n" },
                { -1, 999999999, " mtime=-0.000000001\n" },
                { 1ll << 33, 0, " mtime=8589934592.000000000\n" },
        };
        char text[4096];
        struct err e = { 0 };

        (void)state;
        for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
                struct archive_entry *entry = new_entry("f", AE_IFIFO);
                autofd fd = file();
                autotarout *t = NULL;
                autotar tar = { 0 };

                archive_entry_set_mtime(entry, times[i].sec, times[i].nsec);
                archive_entry_set_uid(entry, i % 2 ? 07777777 : 4294967294);
                assert_int_equal(tarout_open(fd, 0, "the test", &t, &e), 0);
                write_entry(t, entry);
                reopen(&tar, t, fd);
                assert_int_equal(pread(fd, text, 2048, 0), 2048);
                assert_non_null(memmem(text, 2048, times[i].record, strlen(times[i].record)));
                assert_int_equal(archive_entry_uid(next(&tar)), i % 2 ? 07777777 : 4294967294);
        }
}

/* What is put in, holes with it, comes out in pieces. */
static void holes_are_left_out(void **state)
{
        static const la_int64_t holes[][4] = {
                { 0, 700, 5000, 1 }, { 512, 1024, 9000, 1000 }, { 4096, 1, 10000, 0 }, { 10000, 0 }
        };
        const la_int64_t size = 10000;
        autofree char *data = calloc(1, (size_t)size);
        struct err e = { 0 };

        (void)state;
        for (size_t i = 0; i < sizeof(holes) / sizeof(holes[0]); i++) {
                struct archive_entry *entry = new_entry("\xfc sparse", AE_IFREG);
                autofree char *got = calloc(1, (size_t)size);
                autofd fd = file();
                autotarout *t = NULL;
                autotar tar = { 0 };

                memset(data, 0, (size_t)size);
                archive_entry_set_size(entry, size);
                for (size_t k = 0; k < 4; k += 2) {
                        archive_entry_sparse_add_entry(entry, holes[i][k], holes[i][k + 1]);
                        memset(data + holes[i][k], 'x', (size_t)holes[i][k + 1]);
                }
                assert_int_equal(tarout_open(fd, 0, "the test", &t, &e), 0);
                write_entry(t, entry);
                for (la_int64_t at = 0; at < size; at += 100)
                        assert_int_equal(tarout_data(t, data + at, 100, &e), 0);
                assert_int_equal(tarout_data(t, data, 1, &e), -EINVAL);
                reopen(&tar, t, fd);
                assert_true(size_of(fd) < 6144);
                entry = next(&tar);
                assert_string_equal(archive_entry_pathname(entry), "\xfc sparse");
                assert_int_equal(archive_entry_size(entry), size);
                for (size_t len = 1; len > 0;) {
                        const void *piece;
                        uint64_t offset = 0;

                        assert_int_equal(tar_data(&tar, &piece, &len, &offset, &e), 0);
                        assert_true(offset + len <= (uint64_t)size);
                        memcpy(got + offset, piece, len);
                }
                assert_memory_equal(got, data, (size_t)size);
        }
}

static void size_must_be_right(void **state)
{
        autofd fd = file();
        autotarout *t = NULL;
        struct archive_entry *entry = new_entry("f", AE_IFREG);
        struct tarout_result result;
        struct err e = { 0 };

        (void)state;
        archive_entry_set_size(entry, 2);
        assert_int_equal(tarout_open(fd, 0, "the test", &t, &e), 0);
        write_entry(t, entry);
        assert_int_equal(tarout_data(t, "a", 1, &e), 0);
        assert_int_equal(tarout_text(t, "b", "b", 1, &e), -EINVAL);
        assert_string_equal(e.text, "a file is smaller than it was");
        assert_int_equal(tarout_finish(t, &result, &e), -EINVAL);
}

/* As much as deflate can shrink is more than a reader lets pass. */
static void zeros_are_no_bomb(void **state)
{
        const uint64_t size = 200ull * MIB;
        struct archive_entry *entry = archive_entry_new();
        autofree char *zeros = calloc(1, MIB);
        struct tarout_result result;
        autofd fd = file();
        autotarout *t = NULL;
        struct err e = { 0 };

        (void)state;
        assert_int_equal(tarout_open(fd, TAROUT_GZIP, "the test", &t, &e), 0);
        archive_entry_copy_pathname(entry, "zeros");
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_size(entry, (la_int64_t)size);
        assert_int_equal(tarout_entry(t, entry, &e), 0);
        archive_entry_free(entry);
        for (uint64_t at = 0; at < size; at += MIB) {
                assert_int_equal(tarout_data(t, zeros, MIB, &e), 0);
                if (at > LIMIT_RATIO_FLOOR)
                        assert_true(at / LIMIT_RATIO <= size_of(fd) + MIB / LIMIT_RATIO);
        }
        assert_int_equal(tarout_finish(t, &result, &e), 0);
        assert_true(size / LIMIT_RATIO < result.packed_size);
        assert_true(size / LIMIT_RATIO * 2 > result.packed_size);
}

static void full_disk_is_told(void **state)
{
        autofd fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
        struct tarout_result result;
        autotarout *t = NULL;
        struct err e = { 0 };

        (void)state;
        assert_int_equal(tarout_open(fd, 0, "the test", &t, &e), 0);
        put(t, "a", "b");
        assert_int_equal(tarout_finish(t, &result, &e), -ENOSPC);
        assert_string_equal(e.text, "cannot write 'the test': No space left on device");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(same_bytes),
                cmocka_unit_test(both_forms_are_one_tar),
                cmocka_unit_test(nothing_but_two_blocks_ends_it),
                cmocka_unit_test(reader_finds_what_was_written),
                cmocka_unit_test(names_are_bytes),
                cmocka_unit_test(attributes_keep_their_names),
                cmocka_unit_test(large_numbers_have_records),
                cmocka_unit_test(holes_are_left_out),
                cmocka_unit_test(size_must_be_right),
                cmocka_unit_test(zeros_are_no_bomb),
                cmocka_unit_test(full_disk_is_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
