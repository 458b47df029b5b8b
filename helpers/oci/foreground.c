#include "foreground.h"

#include "fd.h"
#include "io.h"
#include "mem.h"
#include "proc.h"
#include "relay.h"
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* Chunks of output in a turn: enough to be fast, few enough to see a signal in between. */
#define COPY_AT_ONCE 16

enum {
        WATCH_CHILD,
        WATCH_SIGNALS,
        WATCH_MASTER,
        WATCH_INPUT,
        WATCH_OUTPUT,
        WATCH_COUNT,
};

struct foreground {
        struct child child;
        int signals;
        struct relay *relay; /* NULL: the command has no terminal of ours */
        struct terminal term;
        bool has_ended;
        int status;
};

/* What a fault raises is this process's own, and SIGCHLD is for who waits. */
static void choose_signals(sigset_t *ret)
{
        static const int own[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGCHLD };

        sigfillset(ret);
        for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
                sigdelset(ret, own[i]);
}

int foreground_begin(struct err *e)
{
        sigset_t set;

        choose_signals(&set);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return err_sys(e, "cannot block signals");
        /* somebody may have had us started with it ignored, and then the kernel would reap */
        if (signal(SIGCHLD, SIG_DFL) == SIG_ERR)
                return err_sys(e, "cannot reset SIGCHLD");
        return 0;
}

/* The other end may have ended without a word. */
static int receive_master(int console, int *ret, struct err *e)
{
        char name[4096];
        size_t n = 0;

        if (io_receive(console, name, sizeof(name), ret, 1, &n, e) < 0)
                return -e->code;
        if (n != 1)
                return err_set(e, EPROTO, "the command's terminal did not arrive");
        return 0;
}

static int make_relay(struct foreground *f, int console, struct err *e)
{
        autofd master = -1;

        if (receive_master(console, &master, e) < 0 || terminal_open(&f->term, 7u, e) < 0)
                return -e->code;
        if (fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
                return err_sys(e, "cannot set up the command's terminal");
        f->relay = mem_alloc(sizeof(*f->relay), e);
        if (!f->relay)
                return -e->code;
        f->relay->ended_line = true;
        f->relay->is_tty = isatty(STDIN_FILENO);
        f->relay->input = f->relay->is_tty ? f->term.fd : STDIN_FILENO;
        f->relay->output = STDOUT_FILENO;
        f->relay->may_block = true;
        if (terminal_is_same(&f->term, STDOUT_FILENO)) {
                f->relay->output = f->term.fd;
                f->relay->may_block = !f->term.is_nonblocking;
        }
        f->relay->master = fd_take(&master);
        terminal_copy_size(&f->term, f->relay->master);
        /* in the background it is the shell's; SIGCONT says when that changes */
        if (f->relay->is_tty && terminal_is_foreground(&f->term))
                return terminal_take(&f->term, e);
        return 0;
}

static void hang_up(struct relay *r)
{
        fd_close(&r->master);
        r->input = -1;
}

static void copy_output(struct foreground *f)
{
        for (int i = 0; i < COPY_AT_ONCE; i++) {
                enum relay_result result = relay_output(f->relay);

                if (result == RELAY_FINISHED || result == RELAY_OUTPUT_LOST)
                        hang_up(f->relay);
                if (result != RELAY_MOVED)
                        return;
        }
}

static void copy_input(struct foreground *f)
{
        if (relay_input(f->relay) == RELAY_INPUT_LOST)
                hang_up(f->relay);
}

/* The kernel sends it to who was stopped: the terminal may be ours again, or not any more. */
static void on_continued(struct foreground *f)
{
        struct err unused = { 0 };

        if (!f->relay || !f->relay->is_tty)
                return;
        if (terminal_is_foreground(&f->term))
                terminal_take(&f->term, &unused);
        else
                terminal_forget(&f->term);
}

static void on_signal(struct foreground *f)
{
        struct signalfd_siginfo si;

        if (io_read(f->signals, &si, sizeof(si)) != (ssize_t)sizeof(si))
                return;
        int number = (int)si.ssi_signo;
        if (number == SIGWINCH && f->relay) {
                terminal_copy_size(&f->term, f->relay->master);
                return;
        }
        if (number == SIGCONT)
                on_continued(f);
        /* of a write to a reader who is gone, which the write has told */
        if (number == SIGPIPE && si.ssi_pid == (uint32_t)getpid())
                return;
        kill(f->child.pid, number);
}

static void on_child(struct foreground *f)
{
        struct err unused = { 0 };

        if (proc_wait(&f->child, &f->status, &unused) == 0)
                f->has_ended = true;
}

static void fill(const struct foreground *f, struct pollfd *fds)
{
        const struct relay *r = f->relay;

        for (int i = 0; i < WATCH_COUNT; i++)
                fds[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
        fds[WATCH_CHILD].fd = f->has_ended ? -1 : f->child.pidfd;
        fds[WATCH_SIGNALS].fd = f->has_ended ? -1 : f->signals;
        if (!r)
                return;
        fds[WATCH_MASTER].events = relay_master_events(r);
        /* a hang-up is always reported: look only when there is something to do about it */
        if (fds[WATCH_MASTER].events)
                fds[WATCH_MASTER].fd = r->master;
        if (relay_takes_input(r) && !f->has_ended && (!r->is_tty || f->term.is_raw))
                fds[WATCH_INPUT].fd = r->input;
        if (relay_has_output(r)) {
                fds[WATCH_OUTPUT].fd = r->output;
                fds[WATCH_OUTPUT].events = POLLOUT;
        }
}

static int turn(struct foreground *f, struct err *e)
{
        struct pollfd fds[WATCH_COUNT];
        int patience = f->relay && !f->has_ended ? relay_patience(f->relay) : -1;

        fill(f, fds);
        int n = poll(fds, WATCH_COUNT, patience);
        if (n < 0)
                return errno == EINTR ? 0 : err_sys(e, "cannot poll");
        if (n == 0 && f->relay)
                relay_repeat_end(f->relay);
        if (fds[WATCH_CHILD].revents)
                on_child(f);
        /* its number may be somebody else's by now */
        if (fds[WATCH_SIGNALS].revents && !f->has_ended)
                on_signal(f);
        if (f->relay && (fds[WATCH_INPUT].revents || (fds[WATCH_MASTER].revents & POLLOUT)))
                copy_input(f);
        if (f->relay && (fds[WATCH_MASTER].revents || fds[WATCH_OUTPUT].revents))
                copy_output(f);
        return 0;
}

/*
 * What it had written before it ended is still copied; for what others, who have the terminal open, may
 * write later nobody waits.
 */
static void copy_rest(struct foreground *f)
{
        while (f->relay && f->relay->master >= 0) {
                enum relay_result result = relay_output(f->relay);

                if (result == RELAY_FINISHED || result == RELAY_OUTPUT_LOST)
                        return;
                if (result != RELAY_IDLE)
                        continue;
                if (!relay_has_output(f->relay))
                        return;
                struct pollfd out = { .fd = f->relay->output, .events = POLLOUT };
                if (poll(&out, 1, -1) < 0 && errno != EINTR)
                        return;
        }
}

static int set_up(struct foreground *f, int console, struct err *e)
{
        sigset_t set;

        choose_signals(&set);
        f->signals = signalfd(-1, &set, SFD_CLOEXEC);
        if (f->signals < 0)
                return err_sys(e, "cannot make a descriptor of signals");
        f->child.pidfd = proc_pidfd(f->child.pid, e);
        if (f->child.pidfd < 0)
                return -e->code;
        return console >= 0 ? make_relay(f, console, e) : 0;
}

int foreground_wait(pid_t pid, int console, int *ret_status, struct err *e)
{
        struct foreground f = {
                .child = { .pid = pid, .pidfd = -1 },
                .signals = -1,
                .term = TERMINAL_NONE,
        };
        int r = set_up(&f, console, e);

        while (r == 0 && !f.has_ended)
                r = turn(&f, e);
        if (r == 0) {
                copy_rest(&f);
                *ret_status = f.status;
        }
        terminal_done(&f.term);
        if (f.relay)
                fd_close(&f.relay->master);
        mem_free_at(&f.relay);
        fd_close(&f.signals);
        fd_close(&f.child.pidfd);
        return r;
}
