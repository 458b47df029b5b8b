/* Sorted names with bounded memory, and whether two files are the same. */

#include "fd.h"
#include "names.h"
#include "same.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MANY 1500

struct place {
        char path[64];
        int dir;
        int scratch;
};

static int setup(void **state)
{
        struct place *p = calloc(1, sizeof(*p));

        assert_non_null(p);
        snprintf(p->path, sizeof(p->path), "/tmp/kelp-names.XXXXXX");
        assert_non_null(mkdtemp(p->path));
        p->dir = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(p->dir >= 0);
        assert_int_equal(mkdirat(p->dir, "scratch", 0700), 0);
        assert_int_equal(mkdirat(p->dir, "list", 0700), 0);
        p->scratch = openat(p->dir, "scratch", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(p->scratch >= 0);
        *state = p;
        return 0;
}

static int teardown(void **state)
{
        struct place *p = *state;

        /* nothing with a name is left in it */
        assert_int_equal(unlinkat(p->dir, "scratch", AT_REMOVEDIR), 0);
        assert_int_equal(unlinkat(p->dir, "list", AT_REMOVEDIR), 0);
        close(p->scratch);
        close(p->dir);
        assert_int_equal(rmdir(p->path), 0);
        free(p);
        return 0;
}

/* Names of 2 to 240 bytes, in no order. */
static void name_of(unsigned i, char *ret)
{
        unsigned long key = i * 2654435761ul % 65521;

        memset(ret, 'n', 256);
        snprintf(ret + key % 230, 16, "-%lu", key);
}

static int open_list(const struct place *p)
{
        int list = openat(p->dir, "list", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        assert_true(list >= 0);
        return list;
}

static void fill(int list, bool add)
{
        for (unsigned i = 0; i < MANY; i++) {
                char name[300];

                name_of(i, name);
                if (add)
                        close(openat(list, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
                else
                        unlinkat(list, name, 0);
        }
}

/* Reads the list to its end; at a third of it, and once only, another list of the same names. */
static void check_list(int list, struct scratch *scratch, size_t most, bool with_inner)
{
        autonames names = { 0 };
        struct err e = { 0 };
        char last[300] = "";
        const char *name;
        unsigned n = 0;

        assert_int_equal(names_open(&names, list, scratch, most, &e), 0);
        for (;;) {
                if (names_next(&names, &name, &e) < 0)
                        fail_msg("%s", e.text);
                if (!name)
                        break;
                assert_true(strcmp(last, name) < 0);
                snprintf(last, sizeof(last), "%s", name);
                if (++n == MANY / 3 && with_inner)
                        check_list(list, scratch, most, false);
        }
        assert_int_equal(n, MANY);
}

static void test_names(void **state)
{
        const struct place *p = *state;
        struct scratch scratch = SCRATCH_IN(p->scratch);
        autofd list = open_list(p);

        fill(list, true);
        check_list(list, NULL, NAMES_MOST, true);
        check_list(list, &scratch, NAMES_MOST, true);
        /* gathered in many parts, that are held in memory, and that wait in the file */
        check_list(list, &scratch, 4096, true);
        check_list(list, &scratch, 2 * NAMES_HELD, true);
        assert_true(scratch.file >= 0);
        assert_int_equal(scratch.end, 0);
        scratch_done(&scratch);
        fill(list, false);
}

static void test_no_names(void **state)
{
        const struct place *p = *state;
        struct scratch scratch = SCRATCH_IN(p->scratch);
        autofd list = open_list(p);
        autonames names = { 0 };
        struct err e = { 0 };
        const char *name = "";

        assert_int_equal(names_open(&names, list, &scratch, NAMES_MOST, &e), 0);
        assert_int_equal(names_next(&names, &name, &e), 0);
        assert_null(name);
        assert_int_equal(scratch.file, -1);
}

static struct region file_of(size_t size)
{
        struct region r = { .fd = memfd_create("same", MFD_CLOEXEC), .size = size };

        assert_true(r.fd >= 0);
        assert_int_equal(ftruncate(r.fd, (off_t)size), 0);
        return r;
}

static bool is_same(const struct region *a, const struct region *b)
{
        struct err e = { 0 };
        bool same;

        if (same_bytes(a, b, &same, &e) < 0)
                fail_msg("%s", e.text);
        return same;
}

static void test_same(void **state)
{
        const size_t size = 1000003;
        const off_t places[] = { 0, 65535, 65536, 500000, 1000002 };
        struct region a = file_of(size);
        struct region b = file_of(size);
        struct region shorter = b;

        (void)state;
        assert_true(is_same(&a, &b));
        shorter.size--;
        assert_false(is_same(&a, &shorter));
        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
                assert_int_equal(pwrite(b.fd, "x", 1, places[i]), 1);
                assert_false(is_same(&a, &b));
                assert_int_equal(pwrite(a.fd, "x", 1, places[i]), 1);
                assert_true(is_same(&a, &b));
        }
        close(a.fd);
        close(b.fd);
}

/* A file that ends early is an error, not a difference. */
static void test_same_cut(void **state)
{
        struct region a = file_of(200000);
        struct region b = file_of(200000);
        struct err e = { 0 };
        bool same = true;

        (void)state;
        assert_int_equal(ftruncate(b.fd, 100000), 0);
        assert_true(same_bytes(&a, &b, &same, &e) < 0);
        assert_false(same);
        close(a.fd);
        close(b.fd);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_names, setup, teardown),
                cmocka_unit_test_setup_teardown(test_no_names, setup, teardown),
                cmocka_unit_test(test_same),
                cmocka_unit_test(test_same_cut),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
