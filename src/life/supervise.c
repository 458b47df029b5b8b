#include "supervise.h"

#include "fd.h"
#include "io.h"
#include "log.h"
#include "mem.h"
#include "serve.h"
#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * One poll loop.  Every signal is blocked and read from a descriptor, but for those that were
 * ignored when we started (nohup, a script's background job): those the user wants to have no
 * effect.  The order of a turn matters: messages of pid 1 before its end, so that no exit status
 * is lost; the payload's output before the answer to its stop.
 */

/* Shorter runs give nothing back before they end. */
#define SETTLE_MS 50

enum watch {
        WATCH_SOCK,
        WATCH_INIT,
        WATCH_SIGNALS,
        WATCH_TIMER,
        WATCH_STOP_TIMER,
        WATCH_SERVE,
        WATCH_SAMPLER,
        WATCH_SLIRP,
        WATCH_PROXY,
        WATCH_PUBLISHER,
        WATCH_MASTER,
        WATCH_INPUT,
        WATCH_OUTPUT,
        WATCH_COUNT,
};

void supervise_find_signals(sigset_t *ret)
{
        sigfillset(ret);
        for (int number = 1; number < 32; number++) {
                struct sigaction sa;

                if (number == SIGCHLD || number == SIGCONT || number == SIGPIPE)
                        continue;
                if (sigaction(number, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN)
                        sigdelset(ret, number);
        }
}

void supervise_hold_signals(const sigset_t *found)
{
        sigprocmask(SIG_BLOCK, found, NULL);
}

static int on_signal(struct supervisor *s, struct err *e)
{
        struct signalfd_siginfo si;

        if (read(s->signals, &si, sizeof(si)) != (ssize_t)sizeof(si))
                return 0;
        int number = (int)si.ssi_signo;
        if (number == SIGCHLD)
                enter_reap(&s->entered);
        if (number == SIGCHLD || (number == SIGPIPE && si.ssi_pid == (uint32_t)getpid()))
                return 0;
        if (number == SIGWINCH && s->relay) {
                terminal_copy_size(&s->term, s->run->pty_master);
                return 0;
        }
        if (number == SIGCONT)
                return job_continued(s, e);
        if (supervisor_is_over(s)) {
                supervisor_give_up_output(s, number);
                return 0;
        }
        if (number == SIGTERM)
                supervisor_on_term(s);
        else
                supervisor_send_signal(s, number);
        return 0;
}

static bool is_stop_signal(int number)
{
        return number == SIGSTOP || number == SIGTSTP || number == SIGTTIN || number == SIGTTOU;
}

static int on_message(struct supervisor *s, struct err *e)
{
        struct sync_msg msg;
        int n = sync_receive(s->run->sock, &msg, e);

        /* pid 1 ended with a message of ours unread; its own ones are still to come */
        if (n < 0 && e->code == ECONNRESET)
                return 0;
        if (n < 0)
                return -e->code;
        if (n == 0) {
                fd_close(&s->run->sock);
                return 0;
        }
        switch (msg.type) {
        case SYNC_STOPPED:
                /* we are about to do the same to ourselves */
                if (!is_stop_signal(msg.value))
                        return err_set(e, EPROTO,
                                       "pid 1 of the sandbox reports a stop by signal %d",
                                       msg.value);
                s->is_stopped = true;
                return job_stopped(s, msg.value, e);
        case SYNC_CONTINUED:
                s->is_stopped = false;
                return 0;
        case SYNC_EXITED:
                s->has_exited = true;
                s->wait_status = msg.value;
                /* what can go goes while pid 1 does, which takes its namespaces along if they are
                 * nobody else's: first, as that takes long, and nobody is let in any more */
                run_close_entry(&s->run->entry);
                own_box_exited(s->box);
                return 0;
        default:
                return err_set(e, EPROTO, "pid 1 of the sandbox sent message %u", msg.type);
        }
}

/* It is dead: what it said last is all in the socket. */
static int on_init_end(struct supervisor *s, struct err *e)
{
        struct pollfd fd = { .fd = s->run->sock, .events = POLLIN };

        while (s->run->sock >= 0 && poll(&fd, 1, 0) > 0) {
                if (on_message(s, e) < 0)
                        return -e->code;
        }
        s->is_gone = true;
        if (!s->relay)
                s->is_copied = true;
        else
                supervisor_copy_output(s);
        return 0;
}

/* What a process was for that has ended before the sandbox. */
static void on_helper_end(struct supervisor *s, struct child *child, const char *what)
{
        bool was_raw = s->term.is_raw;
        struct err unused = { 0 };

        fd_close(&child->pidfd);
        if (s->is_gone || s->has_exited)
                return;
        /* a line for a terminal in its own modes */
        terminal_release(&s->term);
        log_notice("%s from here on", what);
        if (was_raw)
                terminal_take(&s->term, &unused);
}

static void watch_helpers(struct supervisor *s, const struct pollfd *fds)
{
        if (fds[WATCH_SLIRP].revents)
                on_helper_end(s, &s->run->slirp,
                              "slirp4netns has ended: the sandbox is without its network");
        if (fds[WATCH_PROXY].revents)
                on_helper_end(s, &s->run->proxy,
                              "kelp-proxy has ended: the sandbox is without its network");
        if (fds[WATCH_PUBLISHER].revents)
                on_helper_end(s, &s->run->publisher,
                              "kelp-proxy has ended: the sandbox's ports are published no more");
}

static void fill(const struct supervisor *s, struct pollfd *fds)
{
        const struct relay *relay = s->relay;

        for (int i = 0; i < WATCH_COUNT; i++)
                fds[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
        fds[WATCH_SOCK].fd = s->run->sock;
        fds[WATCH_INIT].fd = s->is_gone ? -1 : s->run->init.pidfd;
        fds[WATCH_SIGNALS].fd = s->signals;
        fds[WATCH_TIMER].fd = s->timer;
        fds[WATCH_STOP_TIMER].fd = s->stop_timer;
        fds[WATCH_SERVE].fd = s->serve ? s->serve->epoll : -1;
        fds[WATCH_SAMPLER].fd = s->is_killed ? -1 : s->sampler.timer;
        fds[WATCH_SLIRP].fd = s->run->slirp.pidfd;
        fds[WATCH_PROXY].fd = s->run->proxy.pidfd;
        fds[WATCH_PUBLISHER].fd = s->run->publisher.pidfd;
        if (!relay)
                return;
        fds[WATCH_MASTER].events = relay_master_events(relay);
        /* a hang-up is always reported: look only when there is something to do about it */
        if (fds[WATCH_MASTER].events)
                fds[WATCH_MASTER].fd = relay->master;
        /* a Ctrl-Z before the payload is continued would be undone by what continues it */
        if (relay_takes_input(relay) && !s->is_stopped && !s->has_exited &&
            (!relay->is_tty || s->term.is_raw))
                fds[WATCH_INPUT].fd = relay->input;
        if (relay_has_output(relay)) {
                fds[WATCH_OUTPUT].fd = relay->output;
                fds[WATCH_OUTPUT].events = POLLOUT;
        }
}

/*
 * How long to wait, as of poll(2): for ever, but for a payload that may have missed the end, and once for
 * the moment when there is nothing to do.
 */
static int get_patience(const struct supervisor *s)
{
        if (!s->has_settled)
                return SETTLE_MS;
        if (!s->relay || s->is_stopped || s->has_exited || s->is_gone)
                return -1;
        return relay_patience(s->relay);
}

/* It mostly waits from here on, and there may be many of it; a short run does not pay for that. */
static void settle(struct supervisor *s)
{
        s->has_settled = true;
        mem_release_stack();
        malloc_trim(0);
}

static void on_nothing(struct supervisor *s)
{
        if (!s->has_settled)
                settle(s);
        else
                relay_repeat_end(s->relay);
}

static int turn(struct supervisor *s, struct err *e)
{
        struct pollfd fds[WATCH_COUNT];

        fill(s, fds);
        int n = poll(fds, WATCH_COUNT, get_patience(s));
        if (n < 0)
                return errno == EINTR ? 0 : err_sys(e, "cannot poll");
        if (n == 0) {
                on_nothing(s);
                return 0;
        }
        if (fds[WATCH_MASTER].revents & (POLLIN | POLLHUP | POLLERR) || fds[WATCH_OUTPUT].revents) {
                if (job_follow_modes(s, e) < 0)
                        return -e->code;
                supervisor_copy_output(s);
        }
        /* before the end of the command, which may have come of it */
        watch_helpers(s, fds);
        if (fds[WATCH_SOCK].revents && on_message(s, e) < 0)
                return -e->code;
        if (fds[WATCH_INIT].revents && on_init_end(s, e) < 0)
                return -e->code;
        if (fds[WATCH_SIGNALS].revents && on_signal(s, e) < 0)
                return -e->code;
        if (fds[WATCH_TIMER].revents && supervisor_on_timer(s, e) < 0)
                return -e->code;
        if (fds[WATCH_STOP_TIMER].revents && supervisor_on_stop_timer(s, e) < 0)
                return -e->code;
        if (fds[WATCH_SERVE].revents)
                serve_turn(s->serve, s);
        if (fds[WATCH_SAMPLER].revents && supervisor_on_sample(s, e) < 0)
                return -e->code;
        if (fds[WATCH_INPUT].revents || fds[WATCH_MASTER].revents & POLLOUT)
                supervisor_copy_input(s);
        return 0;
}

static int prepare(struct supervisor *s, struct err *e)
{
        sigset_t held;

        /* those of supervise_hold_signals(): none was blocked before */
        sigprocmask(SIG_BLOCK, NULL, &held);
        s->signals = signalfd(-1, &held, SFD_CLOEXEC | SFD_NONBLOCK);
        if (s->signals < 0)
                return err_sys(e, "cannot make a descriptor for signals");
        if (s->plan->limits.timeout_ns) {
                s->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
                if (s->timer < 0)
                        return err_sys(e, "cannot make a timer");
                if (supervisor_arm(s->timer, s->plan->limits.timeout_ns, e) < 0)
                        return -e->code;
        }
        if (sampler_start(&s->sampler, &s->plan->limits, s->tiers, s->run, e) < 0 ||
            terminal_open(&s->term, s->run->on_pty, e) < 0)
                return -e->code;
        if (s->run->pty_master >= 0 && supervisor_make_relay(s, e) < 0)
                return -e->code;
        if (supervisor_drop_streams(s, e) < 0)
                return -e->code;
        return job_start(s, e);
}

static int run_to_end(struct supervisor *s, struct err *e)
{
        int status = 0;

        if (prepare(s, e) < 0)
                return -e->code;
        while (!s->is_gone || !s->is_copied) {
                if (turn(s, e) < 0)
                        return -e->code;
        }
        return proc_wait(&s->run->init, &status, e);
}

/*
 * Which limit ended it, if one did.  A command that was refused a fork and failed may have failed of
 * something else; that it was refused one is what its user has to know.
 */
static enum supervise_reason get_reason(const struct supervisor *s, int wait_status)
{
        struct cgroup_events events = cgroup_get_events(&s->run->cgroup);
        bool is_failed = wait_status != 0;

        if (s->is_timed_out)
                return SUPERVISE_TIMEOUT;
        if (s->limit == SAMPLE_MEMORY || (is_failed && events.n_killed > 0))
                return SUPERVISE_MEMORY;
        if (s->limit == SAMPLE_PIDS || (is_failed && events.n_refused > 0 && !s->is_killed))
                return SUPERVISE_PIDS;
        return WIFSIGNALED(wait_status) ? SUPERVISE_SIGNAL : SUPERVISE_EXIT;
}

static struct supervise_end get_end(const struct supervisor *s)
{
        struct supervise_end end = { .wait_status = s->has_exited ? s->wait_status : SIGKILL };

        end.reason = get_reason(s, end.wait_status);
        /* pid 1 can say nothing more when it was killed, and with it the payload */
        if (!s->has_exited && !s->is_killed && end.reason != SUPERVISE_MEMORY)
                log_error(
                        "pid 1 of the sandbox ended before the command did, and the command with it");
        return end;
}

int supervise_run(const struct launch *l, struct run *r, struct own_box *box,
                  struct supervise_end *ret, struct err *e)
{
        struct supervisor s = { .launch = l,
                                .plan = l->plan,
                                .tiers = l->tiers,
                                .run = r,
                                .box = box,
                                .serve = box->serve,
                                .term = TERMINAL_NONE,
                                .signals = -1,
                                .timer = -1,
                                .stop_timer = -1,
                                .sampler = SAMPLER_NONE };
        int result = run_to_end(&s, e);

        terminal_done(&s.term);
        fd_close(&s.signals);
        fd_close(&s.timer);
        fd_close(&s.stop_timer);
        sampler_done(&s.sampler);
        mem_free_at(&s.relay);
        enter_list_done(&s.entered);
        if (result < 0)
                return result;
        *ret = get_end(&s);
        return 0;
}
