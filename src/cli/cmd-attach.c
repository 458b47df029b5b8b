#include "box-find.h"
#include "commands.h"

#include "box-ask.h"
#include "box-words.h"
#include "detach-keys.h"
#include "fd.h"
#include "io.h"
#include "log.h"
#include "parse.h"
#include "proc.h"
#include "state.h"
#include "terminal.h"
#include "tty-reset.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

/*
 * kelp attach: the standard streams of a sandbox in the background, until it ends or the user lets
 * go of it.  The supervisor has the other ends of three pipes and never sees the user's terminal.
 */

static const char usage[] =
        "Usage:  kelp attach [--no-stdin] [--sig-proxy=false] [--detach-keys KEYS] SANDBOX\n\n"
        "Shows what a sandbox in the background writes, and gives it what is typed (if it was\n"
        "started with -i or -t), until it ends, with its exit status. On a terminal of its own\n"
        "(-t) the detach keys let go of it.\n\n"
        "  --no-stdin           type nothing\n"
        "  --sig-proxy=false    signals end the attaching, and are not passed on\n"
        "  --detach-keys KEYS   ctrl-p,ctrl-q; a character or ctrl- and a letter each\n";

/* What is in the pipes while a slow terminal writes. */
#define PIPE_SIZE 1048576

/* With the keys that were held back it is what a pipe takes at once: PIPE_BUF. */
#define CHUNK (4096 - DETACH_MAX_KEYS)

struct attached {
        struct state state;
        struct box_status status;
        const char *name;
        int sock;
        int in;  /* -1: nothing is typed (any more) */
        int out; /* -1: it has ended */
        int err;
        int signals;
        int flags; /* of control.h */
        bool passes_signals;
        bool is_roomy;    /* `in` takes a chunk */
        bool is_detached; /* the user has let go */
        bool has_exited;
        bool is_unread; /* the output goes to a pipe that nobody reads any more */
        int exit_code;
        struct terminal term;
        struct detach_keys keys;
};

static void close_all(struct attached *a)
{
        terminal_done(&a->term);
        fd_close(&a->sock);
        fd_close(&a->in);
        fd_close(&a->out);
        fd_close(&a->err);
        fd_close(&a->signals);
        state_done(&a->state);
}

static int connect_streams(struct attached *a, struct err *e)
{
        autofd in = -1;
        autofd out = -1;
        autofd err = -1;

        if (fd_pipe(&in, &a->in, e) < 0 || fd_pipe(&a->out, &out, e) < 0 ||
            fd_pipe(&a->err, &err, e) < 0)
                return -e->code;
        /* more room is better, and none of it is needed */
        fcntl(out, F_SETPIPE_SZ, PIPE_SIZE);
        const int fds[] = { in, out, err };
        a->sock = box_ask(&a->state, &a->status, CONTROL_ATTACH, 0, fds, 3, e);
        if (a->sock < 0)
                return e->code ? -e->code : 0;
        int value = 0;
        int type = control_await(a->sock, &value, e);
        if (type < 0)
                return -e->code;
        if (type == CONTROL_DONE) {
                a->flags = value;
                return 0;
        }
        /* it has just ended */
        a->has_exited = type == CONTROL_EXITED;
        a->exit_code = value;
        fd_close(&a->sock);
        return 0;
}

static bool has_tty(const struct attached *a)
{
        return a->flags & CONTROL_HAS_TTY;
}

static int send_size(struct attached *a, struct err *e)
{
        struct winsize size;

        if (!has_tty(a) || a->term.fd < 0 || ioctl(a->term.fd, TIOCGWINSZ, &size) < 0)
                return 0;
        int32_t value = (int32_t)((uint32_t)size.ws_row << 16 | size.ws_col);
        return control_send(a->sock, CONTROL_SIZE, value, NULL, 0, e);
}

static int hold_signals(struct attached *a, struct err *e)
{
        sigset_t held;

        sigfillset(&held);
        sigdelset(&held, SIGTSTP);
        sigprocmask(SIG_BLOCK, &held, NULL);
        sigdelset(&held, SIGCHLD);
        sigdelset(&held, SIGPIPE);
        sigdelset(&held, SIGTTOU);
        sigdelset(&held, SIGTTIN);
        sigdelset(&held, SIGCONT);
        a->signals = signalfd(-1, &held, SFD_CLOEXEC | SFD_NONBLOCK);
        return a->signals < 0 ? err_sys(e, "cannot make a descriptor for signals") : 0;
}

static int take_terminal(struct attached *a, bool is_typing, struct err *e)
{
        if (!(a->flags & CONTROL_HAS_INPUT) || !is_typing)
                fd_close(&a->in);
        if (!has_tty(a))
                return 0;
        if (terminal_open(&a->term, 7, e) < 0)
                return -e->code;
        /* a pipe is copied as it is */
        if (a->in >= 0 && isatty(STDIN_FILENO) && a->term.fd >= 0 && terminal_take(&a->term, e) < 0)
                return -e->code;
        return send_size(a, e);
}

static int pass_signal(struct attached *a, int number, struct err *e)
{
        autofd sock = -1;

        /* a terminal that is gone is no wish of anybody's to end what runs in the background */
        if (number == SIGHUP || !a->passes_signals) {
                a->is_detached = true;
                return 0;
        }
        sock = box_ask(&a->state, &a->status, CONTROL_SIGNAL, number, NULL, 0, e);
        return e->code ? -e->code : 0;
}

static int on_signal(struct attached *a, struct err *e)
{
        struct signalfd_siginfo si;

        if (read(a->signals, &si, sizeof(si)) != (ssize_t)sizeof(si))
                return 0;
        if (si.ssi_signo == SIGWINCH)
                return send_size(a, e);
        return pass_signal(a, (int)si.ssi_signo, e);
}

static int end_typing(struct attached *a, struct err *e)
{
        /* to a terminal of its own an end of ours means nothing */
        int r = has_tty(a) ? 0 : control_send(a->sock, CONTROL_END_INPUT, 0, NULL, 0, e);

        fd_close(&a->in);
        return r;
}

static int on_typed(struct attached *a, struct err *e)
{
        char typed[CHUNK];
        char out[CHUNK + DETACH_MAX_KEYS];
        size_t len = 0;
        ssize_t n = io_read(STDIN_FILENO, typed, sizeof(typed));

        if (n < 0 && errno == EAGAIN)
                return 0;
        if (n <= 0)
                return end_typing(a, e);
        if (a->term.is_raw) {
                a->is_detached = detach_keys_filter(&a->keys, typed, (size_t)n, out, &len);
        } else {
                memcpy(out, typed, (size_t)n);
                len = (size_t)n;
        }
        struct err gone = { 0 };
        /* it reads no more: what it writes still counts */
        if (io_write_all(a->in, out, len, "the sandbox", &gone) < 0)
                fd_close(&a->in);
        return 0;
}

static int copy(struct attached *a, int *from, int to, struct err *e)
{
        char data[16384];
        ssize_t n = io_read(*from, data, sizeof(data));

        if (n <= 0) {
                fd_close(from);
                return 0;
        }
        if (io_write_all(to, data, (size_t)n, "the output", e) == 0)
                return 0;
        a->is_unread = e->code == EPIPE;
        return -e->code;
}

static int on_answer(struct attached *a, struct err *e)
{
        int type = control_await(a->sock, &a->exit_code, e);

        if (type < 0)
                return -e->code;
        a->has_exited = type == CONTROL_EXITED;
        fd_close(&a->sock);
        return 0;
}

enum watch {
        WATCH_SIGNALS,
        WATCH_OUT,
        WATCH_ERR,
        WATCH_SOCK,
        WATCH_TYPED,
        WATCH_COUNT,
};

static int turn(struct attached *a, struct err *e)
{
        struct pollfd fds[WATCH_COUNT] = {
                [WATCH_SIGNALS] = { .fd = a->signals, .events = POLLIN },
                [WATCH_OUT] = { .fd = a->out, .events = POLLIN },
                [WATCH_ERR] = { .fd = a->err, .events = POLLIN },
                [WATCH_SOCK] = { .fd = a->sock, .events = POLLIN },
                /* nothing is read that could not be passed on: a write must not block the output */
                [WATCH_TYPED] = { .fd = a->in, .events = POLLOUT },
        };

        if (a->in >= 0 && a->is_roomy)
                fds[WATCH_TYPED] = (struct pollfd){ .fd = STDIN_FILENO, .events = POLLIN };
        if (poll(fds, WATCH_COUNT, -1) < 0)
                return errno == EINTR ? 0 : err_sys(e, "cannot poll");
        if (fds[WATCH_SIGNALS].revents && on_signal(a, e) < 0)
                return -e->code;
        if (fds[WATCH_OUT].revents && copy(a, &a->out, STDOUT_FILENO, e) < 0)
                return -e->code;
        if (fds[WATCH_ERR].revents && copy(a, &a->err, STDERR_FILENO, e) < 0)
                return -e->code;
        if (fds[WATCH_SOCK].revents && on_answer(a, e) < 0)
                return -e->code;
        if (!fds[WATCH_TYPED].revents)
                return 0;
        a->is_roomy = !a->is_roomy;
        return a->is_roomy ? 0 : on_typed(a, e);
}

/* The supervisor's ends of the pipes are closed at the end: all that is in them comes first. */
static int follow(struct attached *a, struct err *e)
{
        while (!a->is_detached && (a->sock >= 0 || a->out >= 0 || a->err >= 0)) {
                if (a->sock < 0)
                        fd_close(&a->in);
                if (turn(a, e) < 0)
                        return -e->code;
        }
        return 0;
}

static int judge_end(struct attached *a, int *ret_status, struct err *e)
{
        if (a->is_detached) {
                log_notice("sandbox '%s' goes on; `kelp attach %s` comes back to it", a->name,
                           a->name);
                *ret_status = 0;
                return 0;
        }
        if (!a->has_exited &&
            box_ask_status(&a->state, a->status.id, a->name, &a->exit_code, e) < 0)
                return -e->code;
        if (a->exit_code < 0)
                return box_ask_lost(a->name, e);
        *ret_status = a->exit_code;
        return 0;
}

static int read_proxy(const char *text, bool *ret, struct err *e)
{
        if (parse_bool(text, ret, e) == 0)
                return 0;
        err_prefix(e, "--sig-proxy");
        return err_hint(e, "--sig-proxy=true passes signals on, --sig-proxy=false does not");
}

static int attach_to(struct attached *a, const struct box_words *w, int *ret_status, struct err *e)
{
        const char *keys = box_words_find(w, "detach-keys");
        const char *proxy = box_words_find(w, "sig-proxy");

        a->name = w->given[0];
        if (detach_keys_parse(keys ? keys : DETACH_DEFAULT, &a->keys, e) < 0 ||
            (proxy && read_proxy(proxy, &a->passes_signals, e) < 0) ||
            state_open(&a->state, e) < 0 || box_find(&a->state, a->name, &a->status, e) < 0)
                return -e->code;
        if (a->status.phase == BOX_EXITED) {
                err_set(e, ESRCH, "sandbox '%s' has ended", a->name);
                return err_hint(e, "kelp logs %s has what it wrote", a->name);
        }
        if (!a->status.is_detached) {
                err_set(e, EINVAL, "sandbox '%s': it runs in the foreground, where it was started",
                        a->name);
                return err_hint(e, "kelp exec -it %s sh starts a shell in it", a->name);
        }
        if (hold_signals(a, e) < 0 || connect_streams(a, e) < 0)
                return err_prefix(e, "sandbox '%s'", a->name);
        if (a->sock >= 0 && take_terminal(a, !box_words_find(w, "no-stdin"), e) < 0)
                return -e->code;
        int r = follow(a, e);
        terminal_release(&a->term);
        tty_reset_outputs();
        return r < 0 ? err_prefix(e, "sandbox '%s'", a->name) : judge_end(a, ret_status, e);
}

static int attach(const struct box_words *w, void *arg, struct err *e)
{
        struct attached a = { .state = STATE_NONE,
                              .sock = -1,
                              .in = -1,
                              .out = -1,
                              .err = -1,
                              .signals = -1,
                              .passes_signals = true,
                              .term = TERMINAL_NONE };
        int status = 0;

        (void)arg;
        if (box_words_need(w, "attach", 1, e) < 0)
                return -e->code;
        int r = attach_to(&a, w, &status, e);
        close_all(&a);
        /* `kelp attach | head` ends as others do */
        if (r < 0 && a.is_unread)
                proc_die_by(SIGPIPE);
        return r < 0 ? r : status;
}

int cmd_attach(int argc, char **argv)
{
        struct box_option options[] = {
                { .name = "no-stdin" },
                { .name = "sig-proxy", .has_value = true },
                { .name = "detach-keys", .has_value = true },
                { .name = NULL },
        };

        return box_words_run(attach, NULL, options, usage, argc, argv);
}
