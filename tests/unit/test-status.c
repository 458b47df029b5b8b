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

static void what_was_refused(void **state)
{
        struct pipe_ends p = open_pipe();
        struct observe_event open = { .kind = OBSERVE_OPEN,
                                      .access = 'r',
                                      .is_hidden = true,
                                      .count = 2,
                                      .comm = "npm",
                                      .name = "/h/\"a\\\n" };
        struct observe_event host = {
                .kind = OBSERVE_HOST, .access = 'r', .port = 443, .count = 1, .name = "example.org"
        };
        struct observe_event call = { .kind = OBSERVE_SYSCALL,
                                      .access = 'r',
                                      .count = 1,
                                      .name = "ptrace",
                                      .detail = "0x10" };
        struct observe_event family = {
                .kind = OBSERVE_SOCKET, .access = 'r', .count = 1, .name = "AF_VSOCK"
        };

        (void)state;
        assert_int_equal(
                status_refused(p.out, &open, "--readable x", "[files] readable = x", &failed), 0);
        reads(p, "{\"event\":\"refused\",\"kind\":\"open\",\"path\":\"/h/\\\"a\\\\\\\\x0a\","
                 "\"access\":\"r\",\"hidden\":true,\"count\":2,\"comm\":\"npm\","
                 "\"option\":\"--readable x\",\"policy\":\"[files] readable = x\"}\n");
        assert_int_equal(status_refused(p.out, &host, "", "", &failed), 0);
        reads(p, "{\"event\":\"refused\",\"kind\":\"host\",\"host\":\"example.org\",\"port\":443,"
                 "\"count\":1}\n");
        assert_int_equal(status_refused(p.out, &call, "", "", &failed), 0);
        reads(p, "{\"event\":\"refused\",\"kind\":\"syscall\",\"call\":\"ptrace\","
                 "\"arguments\":\"0x10\",\"count\":1}\n");
        assert_int_equal(status_refused(p.out, &family, "", "", &failed), 0);
        reads(p,
              "{\"event\":\"refused\",\"kind\":\"socket\",\"family\":\"AF_VSOCK\",\"count\":1}\n");
        assert_int_equal(status_refused(-1, &open, "", "", &failed), 0);
        close(p.in);
        close(p.out);
}

/* The longest names, all of which have to be escaped, are still one line. */
static void the_longest(void **state)
{
        struct pipe_ends p = open_pipe();
        struct observe_event event = { .kind = OBSERVE_OPEN, .access = 'r', .count = 1 };
        char option[640];
        char text[65536];

        (void)state;
        memset(event.name, '\x01', sizeof(event.name) - 1);
        memset(option, '\x01', sizeof(option));
        option[sizeof(option) - 1] = '\0';
        assert_int_equal(status_refused(p.out, &event, option, option, &failed), 0);
        ssize_t n = read(p.in, text, sizeof(text));
        assert_true(n > 4 * 1023 + 8 * 639);
        assert_memory_equal(text + n - 2, "}\n", 2);
        close(p.in);
        close(p.out);
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

/* The line, and the end of the file though the caller has not ended. */
static void ready_is_one_line(void **state)
{
        struct pipe_ends p = open_pipe();
        char more;

        (void)state;
        assert_int_equal(status_ready(-1, &failed), 0);
        assert_int_equal(status_ready(p.out, &failed), 0);
        reads(p, "ready\n");
        assert_int_equal(read(p.in, &more, 1), 0);
        close(p.in);
        p = open_pipe();
        signal(SIGPIPE, SIG_IGN);
        close(p.in);
        assert_int_equal(status_ready(p.out, &failed), -EPIPE);
        assert_int_equal(fcntl(p.out, F_GETFD), -1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(one_line_an_event),
                cmocka_unit_test(what_was_refused),
                cmocka_unit_test(the_longest),
                cmocka_unit_test(failures_are_escaped),
                cmocka_unit_test(the_longest_failure_fits),
                cmocka_unit_test(nobody_listens),
                cmocka_unit_test(ready_is_one_line),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
