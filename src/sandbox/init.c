#include "init.h"

#include "sync.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * One loop around ppoll(): every signal is blocked but SIGCHLD, and that only while it waits, so
 * a child that ends at any other moment ends the next wait at once.
 *
 * The terminal's foreground: pid 1's own group stands for "nobody".  When the user's shell has put
 * kelp into the background, the group that was in front is put aside (`front`), so that its next
 * read stops it with SIGTTIN as it would outside.
 */

/* After so many dead orphans in a row, see what else there is to do. */
#define REAP_AT_ONCE 256

struct box {
        int sock;
        pid_t payload;
        int slave;       /* -1: no terminal */
        pid_t front;     /* the group that was in front before; 0: none was put aside */
        bool is_stopped; /* the payload is */
        bool is_frozen;  /* all are, by us */
};

static void on_child(int number)
{
        (void)number; /* its only work is to end ppoll() */
}

static void hold_signals(sigset_t *ret_awake)
{
        struct sigaction sa = { .sa_handler = on_child };
        sigset_t all;

        sigfillset(&all);
        /* without these two the end of the payload would never be seen */
        if (sigprocmask(SIG_SETMASK, &all, NULL) < 0 || sigaction(SIGCHLD, &sa, NULL) < 0)
                _exit(1);
        *ret_awake = all;
        sigdelset(ret_awake, SIGCHLD);
}

/* Without a launcher there is nobody to run for. */
static void say(const struct box *b, enum sync_type type, int value)
{
        struct err e;

        if (sync_send(b->sock, type, value, NULL, 0, &e) < 0)
                _exit(1);
}

static _Noreturn void finish(const struct box *b, int status)
{
        say(b, SYNC_EXITED, status);
        _exit(0);
}

static void watch_payload(struct box *b)
{
        int status;

        while (waitpid(b->payload, &status, WNOHANG | WUNTRACED | WCONTINUED) > 0) {
                if (WIFSTOPPED(status)) {
                        b->is_stopped = true;
                        say(b, SYNC_STOPPED, WSTOPSIG(status));
                } else if (WIFCONTINUED(status)) {
                        b->is_stopped = false;
                        say(b, SYNC_CONTINUED, 0);
                } else {
                        finish(b, status);
                }
        }
}

/* Returns whether there may be more. */
static bool reap(struct box *b)
{
        int status;

        watch_payload(b);
        for (int i = 0; i < REAP_AT_ONCE; i++) {
                pid_t pid = waitpid(-1, &status, WNOHANG);

                if (pid <= 0)
                        return false;
                if (pid == b->payload)
                        finish(b, status);
        }
        return true;
}

static void deliver(const struct box *b, int number)
{
        kill(-b->payload, number);
        /* it may have left the group that was made for it */
        if (getpgid(b->payload) != b->payload)
                kill(b->payload, number);
}

static pid_t get_front(const struct box *b)
{
        pid_t front = 0;

        ioctl(b->slave, TIOCGPGRP, &front);
        return front;
}

static bool set_front(const struct box *b, pid_t group)
{
        return ioctl(b->slave, TIOCSPGRP, &group) == 0;
}

static void step_back(struct box *b)
{
        pid_t front = get_front(b);

        if (front > 0 && front != getpgrp())
                b->front = front;
        set_front(b, getpgrp());
}

static void step_forward(struct box *b)
{
        pid_t group = getpgid(b->payload);

        /* what was stopped is what the user's shell calls forward; else everything as it was */
        if (!b->is_stopped && get_front(b) != getpgrp())
                return;
        if (b->is_stopped || b->front <= 0 || !set_front(b, b->front))
                set_front(b, group);
        b->front = 0;
}

static void resume(struct box *b, bool in_front)
{
        if (b->slave >= 0 && in_front)
                step_forward(b);
        else if (b->slave >= 0)
                step_back(b);
        if (b->is_frozen)
                kill(-1, SIGCONT);
        b->is_frozen = false;
        deliver(b, SIGCONT);
}

static void take_message(struct box *b)
{
        struct sync_msg msg;
        struct err e;

        if (sync_receive(b->sock, &msg, &e) <= 0)
                _exit(1);
        if (msg.type == SYNC_SIGNAL)
                deliver(b, msg.value);
        else if (msg.type == SYNC_FREEZE)
                b->is_frozen = kill(-1, SIGSTOP) == 0;
        else if (msg.type == SYNC_RESUME)
                resume(b, msg.value != 0);
        else
                _exit(1);
}

_Noreturn void init_main(int sock, pid_t payload, const struct tty *t)
{
        struct box b = { .sock = sock, .payload = payload, .slave = t->slave };
        sigset_t awake;

        hold_signals(&awake);
        /* the host's terminals and pipes are not ours to keep open; nothing is opened from here on */
        for (int fd = 0; fd <= 2; fd++)
                close(fd);
        for (;;) {
                struct timespec at_once = { 0 };
                struct pollfd fd = { .fd = sock, .events = POLLIN };
                bool is_busy = reap(&b);
                int n = ppoll(&fd, 1, is_busy ? &at_once : NULL, &awake);

                if (n > 0)
                        take_message(&b);
                else if (n < 0 && errno != EINTR)
                        _exit(1);
        }
}
