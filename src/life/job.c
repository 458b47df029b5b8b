#include "supervisor.h"

#include "fd.h"
#include "log.h"
#include "serve.h"
#include "stand-in.h"
#include "tty.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

/*
 * Job control across two terminals.  The user's shell knows only us: when the payload stops, we
 * give the terminal back and stop likewise; when the shell continues us, so is the payload.
 *
 * Keys are not signals while the user's terminal is raw, so a Ctrl-Z reached only the payload.
 * Outside, it would have stopped the whole job (`kelp -- vim | tee log`): we stop our own process
 * group.  Any other stop is ours alone.
 *
 * A payload in the background of its terminal that reads it or sets its modes is stopped by SIGTTIN
 * or SIGTTOU.  In the foreground of the user's terminal that is the moment to take it; in the
 * background we stop the same way, which is what the shell tells the user ("tty input").
 *
 * While we are stopped somebody else looks after the limits that are ours to keep, and continues us
 * when one is reached (stand-in.h); the sandbox is stopped as a whole until then, for as long as it
 * lets itself be.
 *
 * While we are stopped nobody kills what has been asked to end, either (by `kelp stop`, by the time
 * limit): from then on we do not stop, and the payload goes on without the terminal.
 *
 * Without a controlling terminal there is no shell to continue us, so we never stop ourselves.
 *
 * Who waits for its terminal by poll(2) never reads it in vain, so it would never be stopped.  A
 * payload that does not have the user's terminal, though we do, finds a bait in its own: an
 * end-of-file that makes it readable, and on which the first read stops.  The bait is gone before
 * that read goes on.
 */

/* A payload that never stops writing must not keep us from stopping. */
#define FLUSH_AT_MOST 64

static bool wants_terminal(int number)
{
        return number == SIGTTIN || number == SIGTTOU;
}

static void send_resume(struct supervisor *s, bool in_front)
{
        struct err unused;

        s->has_front = in_front;
        sync_send(s->run->sock, SYNC_RESUME, in_front, NULL, 0, &unused);
}

/* Only in a terminal that reads lines: as long as nobody has asked for it, it is as we made it. */
static void lay_bait(struct supervisor *s)
{
        struct termios modes;

        /* what comes from a pipe is in there already, and would go with the bait */
        if (s->is_baited || s->relay->input != s->term.fd ||
            tcgetattr(s->run->pty_master, &modes) < 0)
                return;
        cc_t bait = modes.c_cc[VEOF];
        if ((modes.c_lflag & ICANON) && bait != _POSIX_VDISABLE)
                s->is_baited = write(s->run->pty_master, &bait, 1) == 1;
}

/* First what is still on its way to the line discipline, then what it has; ioctl_tty(2), TCFLSH. */
static int remove_bait(struct supervisor *s, struct err *e)
{
        if (!s->is_baited || s->run->pty_master < 0)
                return 0;
        autofd slave = ioctl(s->run->pty_master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (slave < 0 || tcflush(s->run->pty_master, TCOFLUSH) < 0 || tcflush(slave, TCIFLUSH) < 0)
                return err_sys(e, "cannot empty the payload's terminal");
        s->is_baited = false;
        return 0;
}

/* The user's terminal for us, and the foreground of its own for the payload. */
static int take(struct supervisor *s, struct err *e)
{
        if (s->term.fd >= 0 && s->relay->input == s->term.fd && terminal_take(&s->term, e) < 0) {
                if (e->code != EIO)
                        return -e->code;
                /* the terminal was hung up: so is the payload's */
                supervisor_hang_up(s);
                return 0;
        }
        terminal_copy_size(&s->term, s->run->pty_master);
        s->relay->undoes_crs = terminal_adds_returns(s->relay->output);
        return remove_bait(s, e);
}

int job_follow_modes(struct supervisor *s, struct err *e)
{
        struct termios modes;

        if (!s->term.keeps_post || !s->term.is_raw || tcgetattr(s->run->pty_master, &modes) < 0)
                return 0;
        if (terminal_set_post(&s->term, (modes.c_oflag & OPOST) != 0, e) < 0)
                return -e->code;
        s->relay->undoes_crs = terminal_adds_returns(s->relay->output);
        return 0;
}

static void release(struct supervisor *s)
{
        terminal_release(&s->term);
        if (s->relay)
                s->relay->undoes_crs = terminal_adds_returns(s->relay->output);
}

/* What it wrote before it stopped belongs on the screen before the shell's prompt. */
static void flush_output(struct supervisor *s)
{
        for (int i = 0; s->relay && i < FLUSH_AT_MOST; i++) {
                if (supervisor_copy_chunk(s) != RELAY_MOVED)
                        return;
        }
}

/* Continues the payload, with the terminal if it is to have it and it is ours to give. */
static int resume(struct supervisor *s, bool wants_front, struct err *e)
{
        if (!s->relay) {
                send_resume(s, true);
                return 0;
        }
        bool is_ours = terminal_is_foreground(&s->term);
        if (is_ours && wants_front && take(s, e) < 0)
                return -e->code;
        if (is_ours && !wants_front)
                lay_bait(s);
        send_resume(s, is_ours && wants_front);
        return 0;
}

int job_start(struct supervisor *s, struct err *e)
{
        if (!s->relay)
                return 0;
        terminal_copy_size(&s->term, s->run->pty_master);
        s->relay->undoes_crs = terminal_adds_returns(s->relay->output);
        if (!tty_is_interactive(s->plan, s->run->on_pty)) {
                s->term.keeps_post = true;
                if (terminal_is_foreground(&s->term))
                        lay_bait(s);
                return 0;
        }
        if (!terminal_is_foreground(&s->term)) {
                /* pid 1 had the same look, a moment ago */
                send_resume(s, false);
                return 0;
        }
        s->has_front = true;
        return take(s, e);
}

/* What has limits of ours takes nothing more meanwhile. */
static void freeze(const struct supervisor *s)
{
        struct err unused;

        if (s->timer >= 0 || s->sampler.timer >= 0)
                sync_send(s->run->sock, SYNC_FREEZE, 0, NULL, 0, &unused);
}

/* It goes on, without what it has asked its terminal for. */
static void refuse_stop(struct supervisor *s, bool asks)
{
        if (asks)
                relay_end_input(s->relay);
        send_resume(s, true);
}

int job_stopped(struct supervisor *s, int number, struct err *e)
{
        bool asks = s->relay && wants_terminal(number);
        bool wants_front = asks || s->has_front;

        if (asks && terminal_is_foreground(&s->term))
                return resume(s, true, e);
        if (s->serve)
                serve_hear(s->serve, s);
        if (!s->term.has_jobs)
                return 0;
        flush_output(s);
        /* in the background it must not be stopped for a bait */
        if (remove_bait(s, e) < 0)
                return -e->code;
        if (s->is_ending) {
                refuse_stop(s, asks);
                return 0;
        }
        bool whole_group = asks || (number == SIGTSTP && s->term.is_raw);
        autochild stand_in = CHILD_NONE;
        if (stand_in_start(&stand_in, s, e) < 0) {
                /* rather than that nobody keeps them */
                log_err(e);
                *e = (struct err){ 0 };
                refuse_stop(s, asks);
                return 0;
        }
        release(s);
        freeze(s);
        bool was_stopped = terminal_stop_self(number, whole_group);
        proc_kill_child(&stand_in);
        if (!was_stopped && asks) {
                /* an orphaned group in the background: a read there fails, outside too */
                refuse_stop(s, asks);
                return 0;
        }
        return resume(s, wants_front, e);
}

int job_continued(struct supervisor *s, struct err *e)
{
        /* we were stopped from outside, and the shell has set the modes that it wants */
        if (s->relay && s->has_front && !terminal_is_foreground(&s->term))
                terminal_forget(&s->term);
        return resume(s, s->has_front, e);
}
