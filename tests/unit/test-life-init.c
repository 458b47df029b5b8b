#include "init.h"

#include "fd.h"
#include "sync.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Pid 1's loop without a pid namespace: a process that reaps orphans (PR_SET_CHILD_SUBREAPER) and
 * speaks the same messages.  The test is the launcher.
 */
struct bench {
        int sock;
        pid_t box;
        pid_t payload;
        int master; /* -1: without a terminal */
};

typedef void payload_fn(int ready);

static void say_ready(int ready)
{
        if (write(ready, "r", 1) != 1)
                _exit(99);
}

static int open_tty(int *ret_master)
{
        int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

        if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
                return -1;
        *ret_master = master;
        return open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
}

static _Noreturn void box_main(int sock, int slave, payload_fn *run, int ready)
{
        struct tty t = { .slave = slave, .on_pty = slave >= 0 ? 7 : 0 };
        struct err e = { 0 };

        signal(SIGCHLD, SIG_DFL);
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setsid();
        if (slave >= 0)
                ioctl(slave, TIOCSCTTY, 0);
        pid_t payload = fork();
        if (payload == 0) {
                close(sock);
                if (tty_enter(&t, &e) < 0)
                        _exit(98);
                run(ready);
                _exit(97);
        }
        close(ready);
        sync_send(sock, SYNC_STARTED, payload, NULL, 0, &e);
        init_main(sock, payload, &t);
}

static void start(struct bench *b, payload_fn *run, bool with_tty)
{
        struct err e = { 0 };
        int ends[2];
        int ready[2];
        int pid = 0;
        char byte;

        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
        assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
        b->master = -1;
        int slave = with_tty ? open_tty(&b->master) : -1;
        assert_true(!with_tty || slave >= 0);
        b->box = fork();
        if (b->box == 0) {
                close(ends[0]);
                close(ready[0]);
                box_main(ends[1], slave, run, ready[1]);
        }
        close(ends[1]);
        close(ready[1]);
        if (slave >= 0)
                close(slave);
        b->sock = ends[0];
        assert_int_equal(sync_await(b->sock, SYNC_STARTED, &pid, NULL, 0, "box", &e), 0);
        b->payload = pid;
        assert_true(read(ready[0], &byte, 1) >= 0);
        close(ready[0]);
}

static void say(const struct bench *b, enum sync_type type, int value)
{
        struct err e = { 0 };

        assert_int_equal(sync_send(b->sock, type, value, NULL, 0, &e), 0);
}

static int await(const struct bench *b, enum sync_type type)
{
        struct err e = { 0 };
        int value = 0;

        if (sync_await(b->sock, type, &value, NULL, 0, "box", &e) < 0)
                fail_msg("%s", e.text);
        return value;
}

/* The conversation is over and the process has ended with `code`. */
static void assert_end(struct bench *b, int code)
{
        struct sync_msg msg;
        struct err e = { 0 };
        int status;

        if (b->sock >= 0)
                assert_int_equal(sync_receive(b->sock, &msg, &e), 0);
        assert_int_equal(waitpid(b->box, &status, 0), b->box);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), code);
        fd_close(&b->sock);
        fd_close(&b->master);
}

static void run_exit_7(int ready)
{
        say_ready(ready);
        _exit(7);
}

static void run_forever(int ready)
{
        say_ready(ready);
        for (;;)
                pause();
}

static void test_exit_status(void **state)
{
        struct bench b;

        (void)state;
        start(&b, run_exit_7, false);
        int status = await(&b, SYNC_EXITED);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
        assert_end(&b, 0);
}

static void test_signal(void **state)
{
        struct bench b;

        (void)state;
        start(&b, run_forever, false);
        say(&b, SYNC_SIGNAL, SIGUSR2);
        int status = await(&b, SYNC_EXITED);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR2);
        assert_end(&b, 0);
}

static void test_stop_and_resume(void **state)
{
        struct bench b;

        (void)state;
        start(&b, run_forever, false);
        for (int i = 0; i < 3; i++) {
                say(&b, SYNC_SIGNAL, SIGTSTP);
                assert_int_equal(await(&b, SYNC_STOPPED), SIGTSTP);
                say(&b, SYNC_RESUME, 1);
                await(&b, SYNC_CONTINUED);
        }
        say(&b, SYNC_SIGNAL, SIGKILL);
        assert_int_equal(await(&b, SYNC_EXITED), SIGKILL);
        assert_end(&b, 0);
}

static void test_the_launcher_ends(void **state)
{
        struct bench b;

        (void)state;
        start(&b, run_forever, false);
        fd_close(&b.sock);
        assert_end(&b, 1);
        kill(b.payload, SIGKILL);
}

static void test_a_message_that_does_not_belong(void **state)
{
        struct bench b;

        (void)state;
        start(&b, run_forever, false);
        say(&b, SYNC_GO, 0);
        assert_end(&b, 1);
        kill(b.payload, SIGKILL);
}

/* Many orphans that end at once, with a status that is not the payload's. */
static void run_orphans(int ready)
{
        for (int i = 0; i < 600; i++) {
                pid_t pid = fork();

                if (pid == 0) {
                        if (fork() == 0)
                                _exit(55);
                        _exit(0);
                }
                if (waitpid(pid, NULL, 0) != pid)
                        _exit(96);
        }
        say_ready(ready);
        for (;;)
                pause();
}

static int count_zombies(pid_t parent)
{
        char command[128];
        char line[16] = "";

        snprintf(command, sizeof(command), "ps -o stat= --ppid %d | grep -c ^Z", (int)parent);
        FILE *ps = popen(command, "re");
        assert_non_null(ps);
        assert_non_null(fgets(line, sizeof(line), ps));
        pclose(ps);
        return atoi(line);
}

static void test_orphans_are_reaped(void **state)
{
        struct bench b;
        int left = -1;

        (void)state;
        start(&b, run_orphans, false);
        /* they all have ended; how soon they are reaped is the scheduler's */
        for (int i = 0; i < 200 && (left = count_zombies(b.box)) != 0; i++)
                usleep(10000);
        assert_int_equal(left, 0);
        say(&b, SYNC_SIGNAL, SIGTERM);
        assert_int_equal(await(&b, SYNC_EXITED), SIGTERM);
        assert_end(&b, 0);
}

static void assert_front(const struct bench *b, pid_t group)
{
        pid_t front = 0;

        for (int i = 0; i < 200 && front != group; i++) {
                assert_int_equal(ioctl(b->master, TIOCGPGRP, &front), 0);
                if (front != group)
                        usleep(10000);
        }
        assert_int_equal(front, group);
}

static void test_foreground(void **state)
{
        struct bench b;

        (void)state;
        start(&b, run_forever, true);
        assert_front(&b, b.payload);
        say(&b, SYNC_RESUME, 0);
        assert_front(&b, b.box);
        say(&b, SYNC_RESUME, 0);
        say(&b, SYNC_RESUME, 1);
        assert_front(&b, b.payload);
        say(&b, SYNC_SIGNAL, SIGINT);
        assert_int_equal(await(&b, SYNC_EXITED), SIGINT);
        assert_end(&b, 0);
}

static void run_reader(int ready)
{
        sigset_t begin;
        char byte;

        sigemptyset(&begin);
        sigaddset(&begin, SIGUSR1);
        sigprocmask(SIG_BLOCK, &begin, NULL);
        say_ready(ready);
        sigwaitinfo(&begin, NULL);
        while (read(0, &byte, 1) == 1) {
                if (byte == 'q')
                        _exit(3);
        }
        _exit(4);
}

/* In the background a read stops it; with the foreground it gets what was typed. */
static void test_read_in_the_background(void **state)
{
        struct bench b;

        (void)state;
        start(&b, run_reader, true);
        say(&b, SYNC_RESUME, 0);
        assert_front(&b, b.box);
        say(&b, SYNC_SIGNAL, SIGUSR1);
        assert_int_equal(await(&b, SYNC_STOPPED), SIGTTIN);
        say(&b, SYNC_RESUME, 1);
        await(&b, SYNC_CONTINUED);
        assert_int_equal(write(b.master, "q\n", 2), 2);
        int status = await(&b, SYNC_EXITED);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 3);
        assert_end(&b, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_exit_status),
                cmocka_unit_test(test_signal),
                cmocka_unit_test(test_stop_and_resume),
                cmocka_unit_test(test_the_launcher_ends),
                cmocka_unit_test(test_a_message_that_does_not_belong),
                cmocka_unit_test(test_orphans_are_reaped),
                cmocka_unit_test(test_foreground),
                cmocka_unit_test(test_read_in_the_background),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
