#include "terminal.h"

#include "fd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A pty stands for the user's terminal; it is not our controlling one, so no job control. */
struct bench {
        int master;
        struct terminal terminal;
        struct termios before;
};

static int set_up(void **state)
{
        struct bench *b = calloc(1, sizeof(*b));
        struct terminal none = TERMINAL_NONE;

        signal(SIGPIPE, SIG_IGN);
        b->terminal = none;
        b->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
        assert_true(b->master >= 0 && grantpt(b->master) == 0 && unlockpt(b->master) == 0);
        b->terminal.fd = open(ptsname(b->master), O_RDWR | O_NOCTTY | O_CLOEXEC);
        assert_true(b->terminal.fd >= 0);
        assert_int_equal(tcgetattr(b->terminal.fd, &b->before), 0);
        *state = b;
        return 0;
}

static int tear_down(void **state)
{
        struct bench *b = *state;

        terminal_done(&b->terminal);
        fd_close(&b->master);
        free(b);
        return 0;
}

static struct termios get_modes(const struct bench *b)
{
        struct termios now;

        assert_int_equal(tcgetattr(b->master, &now), 0);
        return now;
}

static void assert_modes(const struct bench *b, const struct termios *wanted)
{
        struct termios now = get_modes(b);

        assert_int_equal(now.c_iflag, wanted->c_iflag);
        assert_int_equal(now.c_oflag, wanted->c_oflag);
        assert_int_equal(now.c_cflag, wanted->c_cflag);
        assert_int_equal(now.c_lflag, wanted->c_lflag);
        assert_memory_equal(now.c_cc, wanted->c_cc, sizeof(now.c_cc));
}

static void take(struct bench *b)
{
        struct err e = { 0 };

        assert_int_equal(terminal_take(&b->terminal, &e), 0);
        assert_true(b->terminal.is_raw);
}

/* The launcher is gone: its end of the pipe closes, and the guard ends by itself. */
static void lose_launcher(struct bench *b)
{
        int status;

        fd_close(&b->terminal.guard.pipe);
        assert_int_equal(waitpid(b->terminal.guard.child.pid, &status, 0),
                         b->terminal.guard.child.pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        b->terminal.guard.child.pid = 0;
}

static void test_take_and_release(void **state)
{
        struct bench *b = *state;
        struct termios now;

        take(b);
        now = get_modes(b);
        assert_int_equal(now.c_lflag & (ICANON | ECHO | ISIG | IEXTEN), 0);
        assert_int_equal(now.c_oflag & OPOST, 0);
        assert_int_equal(now.c_iflag & (ICRNL | IXON), 0);
        terminal_release(&b->terminal);
        assert_modes(b, &b->before);
        assert_false(b->terminal.is_raw);
}

static void test_modes_of_the_user_may_change_in_between(void **state)
{
        struct bench *b = *state;
        struct termios other = b->before;

        take(b);
        terminal_release(&b->terminal);
        other.c_cc[VINTR] = 7;
        other.c_lflag &= ~(tcflag_t)ECHOCTL;
        tcsetattr(b->terminal.fd, TCSANOW, &other);
        take(b);
        /* once more: what it finds then is its own, and not the user's */
        take(b);
        terminal_release(&b->terminal);
        assert_modes(b, &other);
}

static void test_others_are_left_alone(void **state)
{
        struct bench *b = *state;
        struct termios pager = b->before;

        take(b);
        pager.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        tcsetattr(b->terminal.fd, TCSANOW, &pager);
        terminal_release(&b->terminal);
        assert_modes(b, &pager);
}

static void test_post_processing(void **state)
{
        struct bench *b = *state;
        struct err e = { 0 };

        b->terminal.keeps_post = true;
        take(b);
        assert_true(get_modes(b).c_oflag & OPOST);
        assert_true(terminal_adds_returns(b->terminal.fd));
        assert_int_equal(terminal_set_post(&b->terminal, false, &e), 0);
        assert_false(get_modes(b).c_oflag & OPOST);
        assert_false(terminal_adds_returns(b->terminal.fd));
        lose_launcher(b);
        assert_modes(b, &b->before);
}

static void test_guard_restores(void **state)
{
        struct bench *b = *state;

        take(b);
        lose_launcher(b);
        assert_modes(b, &b->before);
}

static void test_guard_knows_when_not_to(void **state)
{
        struct bench *b = *state;
        struct termios raw;

        take(b);
        raw = b->terminal.raw;
        terminal_release(&b->terminal);
        /* somebody else wants just the same modes */
        tcsetattr(b->terminal.fd, TCSANOW, &raw);
        lose_launcher(b);
        assert_modes(b, &raw);
}

static void test_guard_leaves_others_alone(void **state)
{
        struct bench *b = *state;
        struct termios editor = b->before;

        take(b);
        editor.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        tcsetattr(b->terminal.fd, TCSANOW, &editor);
        lose_launcher(b);
        assert_modes(b, &editor);
}

static void test_guard_is_not_needed(void **state)
{
        struct bench *b = *state;

        take(b);
        kill(b->terminal.guard.child.pid, SIGKILL);
        waitpid(b->terminal.guard.child.pid, NULL, 0);
        b->terminal.guard.child.pid = 0;
        terminal_release(&b->terminal);
        assert_modes(b, &b->before);
}

static void test_size(void **state)
{
        struct bench *b = *state;
        struct winsize size = { .ws_row = 11, .ws_col = 22 };
        autofd other = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

        assert_int_equal(ioctl(b->master, TIOCSWINSZ, &size), 0);
        memset(&size, 0, sizeof(size));
        terminal_copy_size(&b->terminal, other);
        assert_int_equal(ioctl(other, TIOCGWINSZ, &size), 0);
        assert_int_equal(size.ws_row, 11);
        assert_int_equal(size.ws_col, 22);
}

static void test_lost(void **state)
{
        struct bench *b = *state;

        assert_false(terminal_is_lost(&b->terminal));
        fd_close(&b->master);
        assert_true(terminal_is_lost(&b->terminal));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(test_take_and_release),
                CASE(test_modes_of_the_user_may_change_in_between),
                CASE(test_others_are_left_alone),
                CASE(test_post_processing),
                CASE(test_guard_restores),
                CASE(test_guard_knows_when_not_to),
                CASE(test_guard_leaves_others_alone),
                CASE(test_guard_is_not_needed),
                CASE(test_size),
                CASE(test_lost),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
