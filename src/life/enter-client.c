#include "enter-client.h"

#include "control.h"
#include "fd.h"
#include "io.h"
#include "mem.h"
#include "proc.h"
#include "relay.h"
#include "step.h"
#include "terminal.h"
#include "tty-reset.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum watch {
        WATCH_SOCK,
        WATCH_SIGNALS,
        WATCH_MASTER,
        WATCH_INPUT,
        WATCH_OUTPUT,
        WATCH_COUNT,
};

/* Chunks of output in a turn: enough to be fast, few enough to see a signal in between. */
#define COPY_AT_ONCE 16

struct client {
        int sock;
        int signals;
        int master;          /* of the command's terminal; -1: it has none */
        struct relay *relay; /* NULL without one */
        struct terminal term;
        bool is_interactive;
        bool is_started;
        bool has_ended;
        bool is_copied;
        int wait_status;
};

/* What is ignored stays so; job control without a terminal of the command's is the kernel's. */
static int hold_signals(struct client *c, struct err *e)
{
        static const int own[] = { SIGTSTP, SIGTTIN, SIGTTOU };
        sigset_t held;

        sigfillset(&held);
        for (int number = 1; number < 32; number++) {
                struct sigaction sa;

                if (number != SIGCHLD && number != SIGCONT && number != SIGPIPE &&
                    sigaction(number, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN)
                        sigdelset(&held, number);
        }
        for (size_t i = 0; !c->is_interactive && i < sizeof(own) / sizeof(own[0]); i++)
                sigdelset(&held, own[i]);
        sigprocmask(SIG_BLOCK, &held, NULL);
        c->signals = signalfd(-1, &held, SFD_CLOEXEC | SFD_NONBLOCK);
        if (c->signals < 0)
                return err_sys(e, "cannot make a descriptor for signals");
        return 0;
}

static int send_request(const struct client *c, const struct enter_request *request, struct err *e)
{
        autofd empty = open("/dev/null", O_RDWR | O_CLOEXEC);
        autofd memfd = enter_request_write(request, e);

        if (memfd < 0)
                return -e->code;
        if (empty < 0)
                return err_sys(e, "cannot open '/dev/null'");
        const int fds[] = { memfd, isatty(0) && !c->is_interactive ? empty : 0, 1, 2 };
        return control_send(c->sock, CONTROL_EXEC, 0, fds, 4, e);
}

static int make_relay(struct client *c, unsigned on_pty, struct err *e)
{
        struct relay *relay = mem_alloc(sizeof(*relay), e);
        const struct terminal *t = &c->term;

        if (!relay)
                return -e->code;
        c->relay = relay;
        if (fcntl(c->master, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
                return err_sys(e, "cannot set up the command's terminal");
        relay->master = c->master;
        relay->ended_line = true;
        relay->is_tty = isatty(STDIN_FILENO);
        relay->input = !(on_pty & 1u) ? -1 : relay->is_tty ? t->fd : STDIN_FILENO;
        relay->output = on_pty & 2u ? STDOUT_FILENO : STDERR_FILENO;
        relay->may_block = true;
        if (terminal_is_same(t, relay->output)) {
                relay->output = t->fd;
                relay->may_block = !t->is_nonblocking;
        }
        return 0;
}

static int take_terminal(struct client *c, struct err *e)
{
        if (!c->relay || c->has_ended)
                return 0;
        if (c->is_interactive && c->relay->is_tty && terminal_take(&c->term, e) < 0)
                return -e->code;
        terminal_copy_size(&c->term, c->master);
        c->relay->undoes_crs = terminal_adds_returns(c->relay->output);
        return 0;
}

/* Streams that are the command's alone: the other end of a pipe is to see when it closes them. */
static int drop_streams(const struct client *c, struct err *e)
{
        autofd empty = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (empty < 0)
                return err_sys(e, "cannot open '/dev/null'");
        if ((!c->relay || c->relay->input != STDIN_FILENO) && dup2(empty, STDIN_FILENO) < 0)
                return err_sys(e, "cannot drop the standard input");
        if ((!c->relay || c->relay->output != STDOUT_FILENO) && dup2(empty, STDOUT_FILENO) < 0)
                return err_sys(e, "cannot drop the standard output");
        return 0;
}

static int on_started(struct client *c, unsigned on_pty, struct err *e)
{
        c->is_started = true;
        c->is_copied = c->master < 0;
        if (terminal_open(&c->term, on_pty, e) < 0 ||
            (c->master >= 0 && make_relay(c, on_pty, e) < 0) || drop_streams(c, e) < 0)
                return -e->code;
        mem_release_stack();
        return take_terminal(c, e);
}

static int take_failure(const struct control_msg *msg, struct err *e)
{
        *e = msg->err;
        e->text[sizeof(e->text) - 1] = '\0';
        if (e->code <= 0)
                e->code = EPROTO;
        return -e->code;
}

static int on_message(struct client *c, struct err *e)
{
        struct control_msg msg;
        int master = -1;
        size_t n_fds = 0;
        ssize_t n = io_receive(c->sock, &msg, sizeof(msg), &master, 1, &n_fds, e);

        if (n == 0 || (n < 0 && e->code == ECONNRESET)) {
                *e = (struct err){ .step = c->is_started ? STEP_SUPERVISE : STEP_START };
                return err_set(e, EPIPE, "the supervisor of the command has ended");
        }
        if (n < 0)
                return -e->code;
        if (n != (ssize_t)sizeof(msg))
                return err_set(e, EPROTO, "the supervisor of the command sent %zd bytes", n);
        if (msg.type == CONTROL_FAILED)
                return take_failure(&msg, e);
        if (msg.type == CONTROL_DONE && !c->is_started) {
                c->master = master;
                return on_started(c, (unsigned)msg.value, e);
        }
        if (n_fds > 0)
                close(master);
        /* whoever asks in the last moment of the sandbox is told of its end */
        if (msg.type == CONTROL_EXITED && !c->is_started) {
                e->step = STEP_START;
                return err_set(e, ESRCH, "the sandbox has ended");
        }
        if (msg.type != CONTROL_EXITED)
                return err_set(e, EPROTO, "the supervisor of the command sent message %u",
                               msg.type);
        c->has_ended = true;
        c->wait_status = msg.value;
        return 0;
}

static void hang_up(struct client *c)
{
        fd_close(&c->master);
        c->relay->master = -1;
        c->relay->input = -1;
        c->is_copied = true;
}

static void copy_output(struct client *c)
{
        for (int i = 0; i < COPY_AT_ONCE; i++) {
                enum relay_result result = relay_output(c->relay);

                if (result == RELAY_FINISHED)
                        c->is_copied = true;
                if (result == RELAY_OUTPUT_LOST)
                        hang_up(c);
                /* others may still have the terminal open: they are not waited for */
                if (result == RELAY_IDLE && c->has_ended && !relay_has_output(c->relay))
                        c->is_copied = true;
                if (result != RELAY_MOVED)
                        return;
        }
}

static void copy_input(struct client *c)
{
        if (relay_input(c->relay) != RELAY_INPUT_LOST)
                return;
        if (terminal_is_lost(&c->term))
                hang_up(c);
        else
                terminal_forget(&c->term);
}

/* We stop; the command goes on.  Its output waits for us. */
static int stop_self(struct client *c, int number, struct err *e)
{
        terminal_release(&c->term);
        terminal_stop_self(number, false);
        return take_terminal(c, e);
}

static bool is_stop(int number)
{
        return number == SIGTSTP || number == SIGTTIN || number == SIGTTOU;
}

static int on_signal(struct client *c, struct err *e)
{
        struct signalfd_siginfo si;
        struct err lost = { 0 };

        if (read(c->signals, &si, sizeof(si)) != (ssize_t)sizeof(si))
                return 0;
        int number = (int)si.ssi_signo;
        if (number == SIGCHLD || (number == SIGPIPE && si.ssi_pid == (uint32_t)getpid()))
                return 0;
        if (is_stop(number))
                return stop_self(c, number, e);
        if (number == SIGCONT)
                return take_terminal(c, e);
        if (number == SIGWINCH && c->master >= 0)
                terminal_copy_size(&c->term, c->master);
        else if (!c->is_started)
                /* a command that has not started does not keep its user waiting */
                proc_die_by(number);
        else if (c->has_ended)
                c->is_copied = true;
        else
                /* an end of the other side is noticed by what it says */
                control_send(c->sock, CONTROL_SIGNAL, number, NULL, 0, &lost);
        return 0;
}

static void fill(const struct client *c, struct pollfd *fds)
{
        const struct relay *relay = c->relay;

        for (int i = 0; i < WATCH_COUNT; i++)
                fds[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
        fds[WATCH_SOCK].fd = c->has_ended ? -1 : c->sock;
        fds[WATCH_SIGNALS].fd = c->signals;
        if (!relay || c->is_copied)
                return;
        fds[WATCH_MASTER].events = relay_master_events(relay);
        /* a hang-up is always reported: look only when there is something to do about it */
        if (fds[WATCH_MASTER].events)
                fds[WATCH_MASTER].fd = relay->master;
        if (relay_takes_input(relay) && !c->has_ended && (!relay->is_tty || c->term.is_raw))
                fds[WATCH_INPUT].fd = relay->input;
        if (relay_has_output(relay)) {
                fds[WATCH_OUTPUT].fd = relay->output;
                fds[WATCH_OUTPUT].events = POLLOUT;
        }
}

static int turn(struct client *c, struct err *e)
{
        struct pollfd fds[WATCH_COUNT];
        int patience = c->relay && !c->has_ended ? relay_patience(c->relay) : -1;

        fill(c, fds);
        int n = poll(fds, WATCH_COUNT, patience);
        if (n < 0)
                return errno == EINTR ? 0 : err_sys(e, "cannot poll");
        if (n == 0) {
                relay_repeat_end(c->relay);
                return 0;
        }
        if (fds[WATCH_MASTER].revents & (POLLIN | POLLHUP | POLLERR) || fds[WATCH_OUTPUT].revents)
                copy_output(c);
        if (fds[WATCH_SOCK].revents && on_message(c, e) < 0)
                return -e->code;
        if (fds[WATCH_SIGNALS].revents && on_signal(c, e) < 0)
                return -e->code;
        if (c->relay && (fds[WATCH_INPUT].revents || fds[WATCH_MASTER].revents & POLLOUT))
                copy_input(c);
        /* what it wrote last may have come before we heard of its end, or may never come */
        if (c->relay && c->has_ended && !c->is_copied)
                copy_output(c);
        return 0;
}

static int run_to_end(struct client *c, const struct enter_request *request, struct err *e)
{
        c->is_interactive = request->wants_tty || (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO));
        if (hold_signals(c, e) < 0 || send_request(c, request, e) < 0)
                return -e->code;
        while (!c->has_ended || !c->is_copied) {
                if (turn(c, e) < 0)
                        return -e->code;
        }
        return 0;
}

int enter_client_run(int sock, const struct enter_request *request, int *ret_status, struct err *e)
{
        struct client c = { .sock = sock, .signals = -1, .master = -1, .term = TERMINAL_NONE };
        int r = run_to_end(&c, request, e);

        if (c.is_interactive && c.relay)
                tty_reset(c.relay->output);
        terminal_done(&c.term);
        fd_close(&c.signals);
        fd_close(&c.master);
        mem_free_at(&c.relay);
        if (r == 0)
                *ret_status = c.wait_status;
        return r;
}
