#include "observe-confine.h"
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define REFUSED 7 /* an exit status of ours */

/* How a confined process ends that does `act` with `fd`, a file that can be written. */
static int end_of(void (*act)(int fd))
{
        char path[] = "/tmp/kelp-test-XXXXXX";
        int fd = mkstemp(path);
        struct err e = { 0 };
        int self = proc_pidfd(getpid(), &e);
        int status = 0;

        assert_true(fd >= 3 && self >= 0);
        assert_int_equal(unlink(path), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                int keep[] = { fd };

                if (observe_confine(keep, 1, self, &e) < 0)
                        _exit(1);
                act(fd);
                _exit(errno == EINVAL || errno == ENOTTY || errno == EBADF ? REFUSED : 0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        close(fd);
        close(self);
        return status;
}

static void nothing(int fd)
{
        (void)fd;
        errno = 0;
}

static void receive(int fd)
{
        struct seccomp_notif notif = { 0 };

        (void)!ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &notif);
}

static void set_flags(int fd)
{
        (void)!ioctl(fd, OBSERVE_NOTIF_SET_FLAGS, (uint64_t)1);
}

/* As the C library does it where the kernel gives it no vDSO. */
static void ask_time_and_place(int fd)
{
        struct timespec now;
        unsigned cpu;

        (void)fd;
        errno = 0;
        (void)!syscall(SYS_clock_gettime, CLOCK_MONOTONIC_COARSE, &now);
        (void)!syscall(SYS_getcpu, &cpu, NULL, NULL);
}

static void add_a_descriptor(int fd)
{
        struct seccomp_notif_addfd add = { .srcfd = 0 };

        (void)!ioctl(fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
}

static void type_a_key(int fd)
{
        (void)!ioctl(fd, TIOCSTI, "x");
}

static void ask_size(int fd)
{
        int n;

        (void)!ioctl(fd, FIONREAD, &n);
}

static void write_a_byte(int fd)
{
        (void)!write(fd, "x", 1);
}

static void make_a_socket(int fd)
{
        (void)fd;
        (void)!socket(AF_INET, SOCK_STREAM, 0);
}

static void start_a_process(int fd)
{
        (void)fd;
        (void)!fork();
}

static void what_it_is_for_is_left(void **state)
{
        int status;

        (void)state;
        assert_int_equal(end_of(nothing), 0);
        assert_int_equal(end_of(ask_time_and_place), 0);
        /* the kernel is asked, and says that this is no listener */
        status = end_of(receive);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == REFUSED);
        status = end_of(set_flags);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == REFUSED);
}

static void all_else_is_its_end(void **state)
{
        static void (*const acts[])(int fd) = {
                add_a_descriptor, type_a_key,    ask_size,
                write_a_byte,     make_a_socket, start_a_process,
        };

        (void)state;
        for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
                int status = end_of(acts[i]);

                if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
                        fail_msg("act %zu: status %#x", i, status);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_it_is_for_is_left),
                cmocka_unit_test(all_else_is_its_end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
