#include "fd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>

static void test_a_directory_is_taken(void **state)
{
        int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int number = fd;
        DIR *dir = fd_take_dir(&fd);
        (void)state;

        assert_non_null(dir);
        assert_int_equal(fd, -1);
        assert_int_equal(dirfd(dir), number);
        assert_non_null(readdir(dir));
        fd_close_dir(&dir);
        assert_false(fd_is_open(number));
}

/* What is no directory stands for all that may be wrong with one: it is closed all the same. */
static void test_what_cannot_be_listed_is_closed(void **state)
{
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        int number = fd;
        (void)state;

        assert_true(number >= 0);
        assert_null(fd_take_dir(&fd));
        assert_int_equal(errno, ENOTDIR);
        assert_int_equal(fd, -1);
        assert_false(fd_is_open(number));
}

static void test_what_was_not_opened_says_why(void **state)
{
        int fd = open("/no/such/directory", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        (void)state;

        assert_null(fd_take_dir(&fd));
        assert_int_equal(errno, ENOENT);
        assert_int_equal(fd, -1);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_directory_is_taken),
                cmocka_unit_test(test_what_cannot_be_listed_is_closed),
                cmocka_unit_test(test_what_was_not_opened_says_why),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
