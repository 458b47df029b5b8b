/* The lines of --status-fd. */

#include "status.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct pipe_ends {
        int in;
        int out;
};

static struct err failed;

static struct pipe_ends open_pipe(void)
{
        int ends[2];

        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        return (struct pipe_ends){ ends[0], ends[1] };
}

static void reads(struct pipe_ends p, const char *expected)
{
        char text[8192];
        ssize_t n = read(p.in, text, sizeof(text) - 1);

        assert_true(n > 0);
        text[n] = '\0';
        assert_string_equal(text, expected);
}

static void one_line_an_event(void **state)
{
        struct pipe_ends p = open_pipe();

        (void)state;
        assert_int_equal(status_started(p.out, 42, NULL, &failed), 0);
        reads(p, "{\"event\":\"started\",\"pid\":42}\n");
        assert_int_equal(status_started(p.out, 42, "web", &failed), 0);
        reads(p, "{\"event\":\"started\",\"pid\":42,\"name\":\"web\"}\n");
        assert_int_equal(status_exited(p.out, 3, 0, "exit", &failed), 0);
        reads(p, "{\"event\":\"exited\",\"code\":3,\"signal\":null,\"reason\":\"exit\"}\n");
        assert_int_equal(status_exited(p.out, 137, SIGKILL, "signal", &failed), 0);
        reads(p, "{\"event\":\"exited\",\"code\":137,\"signal\":\"KILL\",\"reason\":\"signal\"}\n");
        assert_int_equal(status_exited(p.out, 162, 34, "signal", &failed), 0);
        reads(p, "{\"event\":\"exited\",\"code\":162,\"signal\":\"34\",\"reason\":\"signal\"}\n");
        close(p.in);
        close(p.out);
}

static void failures_are_escaped(void **state)
{
        struct pipe_ends p = open_pipe();
        struct err e = { 0 };

        (void)state;
        err_set(&e, ENOENT, "no '%s'", "a\"b\\c\x1b\xff");
        assert_int_equal(status_setup_failed(p.out, &e, "options", &failed), 0);
        reads(p, "{\"event\":\"setup-failed\",\"step\":\"options\",\"errno\":2,"
                 "\"error\":\"no 'a\\\"b\\\\c\\\\x1b\\\\xff'\"}\n");
        err_hint(&e, "say \"please\"");
        assert_int_equal(status_setup_failed(p.out, &e, "x", &failed), 0);
        reads(p, "{\"event\":\"setup-failed\",\"step\":\"x\",\"errno\":2,"
                 "\"error\":\"no 'a\\\"b\\\\c\\\\x1b\\\\xff'\",\"hint\":\"say \\\"please\\\"\"}\n");
        close(p.in);
        close(p.out);
}

/* The longest error there can be, all of it to be escaped twice, is still one whole line. */
static void the_longest_failure_fits(void **state)
{
        struct pipe_ends p = open_pipe();
        struct err e = { .code = EIO };
        char text[8192];

        (void)state;
        memset(e.text, '\x01', sizeof(e.text) - 1);
        assert_int_equal(status_setup_failed(p.out, &e, "x", &failed), 0);
        ssize_t n = read(p.in, text, sizeof(text));
        assert_true(n > 4 * (ssize_t)(sizeof(e.text) - 1));
        assert_memory_equal(text + n - 3, "\"}\n", 3);
        memset(e.text, '"', sizeof(e.text) - 1);
        e.text[200] = '\n';
        assert_int_equal(status_setup_failed(p.out, &e, "x", &failed), 0);
        n = read(p.in, text, sizeof(text));
        assert_memory_equal(text + n - 3, "\"}\n", 3);
        close(p.in);
        close(p.out);
}

static void nobody_listens(void **state)
{
        struct pipe_ends p = open_pipe();
        struct err e = { 0 };

        (void)state;
        assert_int_equal(status_started(-1, 1, NULL, &failed), 0);
        assert_int_equal(status_exited(-1, 0, 0, "exit", &failed), 0);
        assert_int_equal(status_setup_failed(-1, &e, "x", &failed), 0);
        signal(SIGPIPE, SIG_IGN);
        close(p.in);
        assert_int_equal(status_started(p.out, 1, NULL, &failed), -EPIPE);
        close(p.out);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(one_line_an_event),
                cmocka_unit_test(failures_are_escaped),
                cmocka_unit_test(the_longest_failure_fits),
                cmocka_unit_test(nobody_listens),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
