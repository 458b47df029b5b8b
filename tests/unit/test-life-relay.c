#include "relay.h"

#include "fd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

/* The relay between a "payload" at one end and a "user" at the other; sockets stand for both. */
struct bench {
        struct relay relay;
        int payload;
        int user;
};

static void make_pair(int *ret_a, int *ret_b)
{
        int ends[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends),
                         0);
        *ret_a = ends[0];
        *ret_b = ends[1];
}

static int set_up(void **state)
{
        struct bench *b = calloc(1, sizeof(*b));

        signal(SIGPIPE, SIG_IGN);
        make_pair(&b->relay.master, &b->payload);
        make_pair(&b->relay.output, &b->user);
        b->relay.input = b->relay.output;
        b->relay.ended_line = true;
        *state = b;
        return 0;
}

static int tear_down(void **state)
{
        struct bench *b = *state;

        fd_close(&b->relay.master);
        fd_close(&b->payload);
        fd_close(&b->relay.output);
        fd_close(&b->user);
        free(b);
        return 0;
}

static void put(int fd, const char *text)
{
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void assert_got(int fd, const char *text)
{
        char got[256];
        ssize_t n = read(fd, got, sizeof(got) - 1);

        got[n > 0 ? n : 0] = '\0';
        assert_string_equal(got, text);
}

static void test_output_is_copied(void **state)
{
        struct bench *b = *state;

        assert_int_equal(relay_output(&b->relay), RELAY_IDLE);
        put(b->payload, "a\r\nb\r");
        assert_int_equal(relay_output(&b->relay), RELAY_MOVED);
        assert_got(b->user, "a\r\nb\r");
}

static void test_returns_are_undone(void **state)
{
        struct bench *b = *state;

        b->relay.undoes_crs = true;
        put(b->payload, "a\r\n\r\nb\r\r\nc\rd\n");
        relay_output(&b->relay);
        assert_got(b->user, "a\n\nb\r\nc\rd\n");
}

static void test_returns_at_the_end_of_a_chunk(void **state)
{
        struct bench *b = *state;

        b->relay.undoes_crs = true;
        put(b->payload, "a\r");
        relay_output(&b->relay);
        assert_got(b->user, "a");
        put(b->payload, "\nb\r");
        relay_output(&b->relay);
        assert_got(b->user, "\nb");
        put(b->payload, "c\r");
        relay_output(&b->relay);
        assert_got(b->user, "\rc");
        /* the one that waits is not forgotten, neither when nothing is undone any more */
        b->relay.undoes_crs = false;
        put(b->payload, "\n");
        relay_output(&b->relay);
        assert_got(b->user, "\r\n");
        b->relay.undoes_crs = true;
        put(b->payload, "d\r");
        relay_output(&b->relay);
        assert_got(b->user, "d");
        fd_close(&b->payload);
        assert_int_equal(relay_output(&b->relay), RELAY_FINISHED);
        assert_got(b->user, "\r");
}

static void test_a_slow_reader_loses_nothing(void **state)
{
        struct bench *b = *state;
        size_t sent = 0;
        size_t got = 0;
        char chunk[1000];

        /* more than all the buffers in between hold */
        while (got < 4000000) {
                for (size_t i = 0; i < sizeof(chunk); i++)
                        chunk[i] = (char)('a' + (sent + i) % 23);
                ssize_t n = write(b->payload, chunk, sizeof(chunk));
                sent += n > 0 ? (size_t)n : 0;
                while (relay_output(&b->relay) == RELAY_MOVED)
                        ;
                if (n > 0 && sent < 4000000)
                        continue;
                char back[777];
                ssize_t m = read(b->user, back, sizeof(back));
                for (ssize_t i = 0; i < m; i++)
                        assert_int_equal(back[i], 'a' + (char)((got + (size_t)i) % 23));
                got += m > 0 ? (size_t)m : 0;
        }
        assert_true(got <= sent);
}

static void test_nobody_reads(void **state)
{
        struct bench *b = *state;

        fd_close(&b->user);
        put(b->payload, "x");
        assert_int_equal(relay_output(&b->relay), RELAY_OUTPUT_LOST);
        assert_false(relay_has_output(&b->relay));
}

static void test_the_last_words(void **state)
{
        struct bench *b = *state;

        put(b->payload, "last");
        fd_close(&b->payload);
        assert_int_equal(relay_output(&b->relay), RELAY_MOVED);
        assert_int_equal(relay_output(&b->relay), RELAY_FINISHED);
        assert_got(b->user, "last");
}

static void test_input_is_copied(void **state)
{
        struct bench *b = *state;

        assert_int_equal(relay_input(&b->relay), RELAY_IDLE);
        put(b->user, "keys");
        assert_int_equal(relay_input(&b->relay), RELAY_MOVED);
        assert_got(b->payload, "keys");
        b->relay.is_tty = true;
        fd_close(&b->user);
        assert_int_equal(relay_input(&b->relay), RELAY_INPUT_LOST);
}

/* The end of a pipe is typed as the terminal's end-of-file character, after an open line twice. */
static void test_input_ends(void **state)
{
        struct bench *b = *state;
        autofd master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
        char got[16];

        assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
        autofd slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
        assert_true(slave >= 0);
        fd_close(&b->relay.master);
        b->relay.master = master;
        put(b->user, "open");
        fd_close(&b->user);
        for (int i = 0; i < 3; i++)
                relay_input(&b->relay);
        assert_int_equal(b->relay.input, -1);
        assert_int_equal(read(slave, got, sizeof(got)), 4);
        assert_int_equal(read(slave, got, sizeof(got)), 0);

        /* told once; nobody looks at the output */
        fd_close(&b->relay.output);
        relay_end_input(&b->relay);
        assert_int_equal(b->relay.in.len, 0);

        /* and again in raw mode, where it is a character, when there was output since */
        struct termios raw;
        tcgetattr(slave, &raw);
        struct termios lines = raw;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        tcsetattr(slave, TCSANOW, &raw);
        put(slave, "prompt");
        assert_int_equal(relay_output(&b->relay), RELAY_MOVED);
        assert_int_equal(b->relay.in.len, 1);
        relay_input(&b->relay);
        assert_int_equal(read(slave, got, sizeof(got)), 1);
        assert_int_equal(got[0], raw.c_cc[VEOF]);
        put(slave, "prompt");
        assert_int_equal(relay_output(&b->relay), RELAY_MOVED);
        assert_int_equal(b->relay.in.len, 0);

        /* a command of the line editor reads lines */
        lines.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(slave, TCSANOW, &lines);
        put(slave, "output");
        assert_int_equal(relay_output(&b->relay), RELAY_MOVED);
        relay_input(&b->relay);
        assert_int_equal(read(slave, got, sizeof(got)), 0);
        b->relay.master = -1;
}

/* What was typed in one mode and came to be read in another is told again, a bounded number of times. */
static void test_the_end_is_repeated(void **state)
{
        struct bench *b = *state;
        autofd master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
        struct termios raw;
        char got[16];
        int total = 0;

        assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
        autofd slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
        assert_true(slave >= 0);
        fd_close(&b->relay.master);
        b->relay.master = master;
        assert_int_equal(relay_patience(&b->relay), -1);
        assert_int_equal(tcgetattr(slave, &raw), 0);
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        assert_int_equal(tcsetattr(slave, TCSANOW, &raw), 0);
        relay_end_input(&b->relay);
        /* not while the first one is still on its way */
        assert_int_equal(relay_patience(&b->relay), -1);
        relay_input(&b->relay);
        assert_int_equal(read(slave, got, sizeof(got)), 1);

        for (int i = 0; i < RELAY_REPEATS; i++) {
                int patience = relay_patience(&b->relay);

                assert_true(patience > total);
                total += patience;
                relay_repeat_end(&b->relay);
                relay_input(&b->relay);
                assert_int_equal(read(slave, got, sizeof(got)), 1);
                assert_int_equal(got[0], raw.c_cc[VEOF]);
        }
        assert_in_range(total, 30000, 120000);
        assert_int_equal(relay_patience(&b->relay), -1);

        /* a terminal that has changed its mode is another reader */
        raw.c_lflag |= ICANON;
        assert_int_equal(tcsetattr(slave, TCSANOW, &raw), 0);
        put(slave, "output");
        assert_int_equal(relay_output(&b->relay), RELAY_MOVED);
        relay_input(&b->relay);
        assert_int_equal(relay_patience(&b->relay), RELAY_PATIENCE_MS);
        b->relay.master = -1;
        assert_int_equal(relay_patience(&b->relay), -1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_output_is_copied, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_returns_are_undone, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_returns_at_the_end_of_a_chunk, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_a_slow_reader_loses_nothing, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_nobody_reads, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_the_last_words, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_input_is_copied, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_input_ends, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_the_end_is_repeated, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
