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
#include <locale.h>
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
                cmocka_unit_test(zeros_are_no_bomb),
                cmocka_unit_test(full_disk_is_told),
        };

        setlocale(LC_CTYPE, "C.UTF-8");
        return cmocka_run_group_tests(tests, NULL, NULL);
}
