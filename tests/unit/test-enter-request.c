#include "enter-request.h"
#include "fd.h"
#include "str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static int make_file(const char *data, size_t len)
{
        int fd = memfd_create("test", MFD_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, data, len), (ssize_t)len);
        return fd;
}

static struct enter_request write_and_read(const struct enter_request *want, struct arena *arena)
{
        struct enter_request got;
        struct err e = { 0 };
        int fd = enter_request_write(want, &e);

        assert_true(fd >= 0);
        assert_int_equal(enter_request_read(fd, arena, &got, &e), 0);
        close(fd);
        return got;
}

static void it_comes_back_as_it_was_written(void **unused)
{
        static const char *const argv[] = { "sh", "-c", "", NULL };
        static const char *const env[] = { "A=1", "B", "C=", NULL };
        const struct enter_request want = {
                .wants_tty = true,
                .user = "me:us",
                .workdir = "/tmp",
                .argv = argv,
                .n_args = 3,
                .env = env,
                .n_env = 3,
        };
        struct arena arena = { 0 };

        (void)unused;
        const struct enter_request got = write_and_read(&want, &arena);
        assert_true(got.wants_tty);
        assert_string_equal(got.user, "me:us");
        assert_string_equal(got.workdir, "/tmp");
        assert_int_equal(got.n_args, 3);
        assert_int_equal(got.n_env, 3);
        for (size_t i = 0; i < 3; i++) {
                assert_string_equal(got.argv[i], argv[i]);
                assert_string_equal(got.env[i], env[i]);
        }
        assert_null(got.argv[3]);
        assert_null(got.env[3]);
        arena_done(&arena);
}

static void what_was_not_given_is_not_there(void **unused)
{
        static const char *const argv[] = { "true", NULL };
        const struct enter_request want = { .argv = argv, .n_args = 1 };
        struct arena arena = { 0 };

        (void)unused;
        const struct enter_request got = write_and_read(&want, &arena);
        assert_false(got.wants_tty);
        assert_null(got.user);
        assert_null(got.workdir);
        assert_int_equal(got.n_env, 0);
        assert_null(got.env[0]);
        arena_done(&arena);
}

static void refused(const char *data, size_t len)
{
        struct enter_request got;
        struct arena arena = { 0 };
        struct err e = { 0 };
        int fd = make_file(data, len);

        if (enter_request_read(fd, &arena, &got, &e) != -EBADMSG)
                fail_msg("'%.*s' was taken", (int)len, data);
        close(fd);
        arena_done(&arena);
}

static void what_is_no_request_is_refused(void **unused)
{
#define REFUSED(text) refused(text, sizeof(text) - 1)
        (void)unused;
        REFUSED("");
        REFUSED("\0");
        REFUSED("kelp-exec 1");
        REFUSED("kelp-exec 1\0\0\0\0");
        /* no command, fewer words than are told, no number, no end */
        REFUSED("kelp-exec 1\0\0\0\0"
                "0\0");
        REFUSED("kelp-exec 1\0\0\0\0"
                "1\0");
        REFUSED("kelp-exec 1\0\0\0\0"
                "3\0a\0b\0");
        REFUSED("kelp-exec 1\0\0\0\0"
                "-1\0a\0");
        REFUSED("kelp-exec 1\0\0\0\0"
                "18446744073709551617\0a\0");
        REFUSED("kelp-exec 1\0\0\0\0"
                "1\0a");
        REFUSED("kelp-exec 2\0\0\0\0"
                "1\0a\0");
}

static void what_is_no_file_in_memory_is_refused(void **unused)
{
        struct enter_request got;
        struct arena arena = { 0 };
        struct err e = { 0 };
        int pipe[2];

        (void)unused;
        assert_int_equal(fd_pipe(&pipe[0], &pipe[1], &e), 0);
        assert_int_equal(enter_request_read(pipe[0], &arena, &got, &e), -EBADMSG);
        close(pipe[0]);
        close(pipe[1]);
        arena_done(&arena);
}

static void one_that_is_too_long_is_not_sent(void **unused)
{
        char *word = malloc(ENTER_REQUEST_MAX);
        const char *argv[] = { "echo", word, NULL };
        const struct enter_request want = { .argv = argv, .n_args = 2 };
        struct err e = { 0 };

        (void)unused;
        assert_non_null(word);
        memset(word, 'a', ENTER_REQUEST_MAX - 1);
        word[ENTER_REQUEST_MAX - 1] = '\0';
        assert_int_equal(enter_request_write(&want, &e), -E2BIG);
        free(word);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(it_comes_back_as_it_was_written),
                cmocka_unit_test(what_was_not_given_is_not_there),
                cmocka_unit_test(what_is_no_request_is_refused),
                cmocka_unit_test(what_is_no_file_in_memory_is_refused),
                cmocka_unit_test(one_that_is_too_long_is_not_sent),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
