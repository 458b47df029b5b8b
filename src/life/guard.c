#include "guard.h"

#include "fd.h"

#include <errno.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct note {
        bool is_set;
        struct termios raw;
        struct termios next; /* what the launcher was about to set in its place */
        struct termios saved;
};

/* The kernel may adjust the rest (speeds, character size) on the way through a driver. */
static bool is_same(const struct termios *a, const struct termios *b)
{
        return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_lflag == b->c_lflag;
}

/* Also 0 when the modes are another program's by now. */
static int put_back(int tty, const struct note *note)
{
        struct termios now;

        if (tcgetattr(tty, &now) < 0)
                return -errno;
        if (!is_same(&now, &note->raw) && !is_same(&now, &note->next))
                return 0;
        return tcsetattr(tty, TCSANOW, &note->saved) < 0 ? -errno : 0;
}

void guard_restore(int tty, const struct termios *raw, const struct termios *saved)
{
        const struct note note = { .raw = *raw, .next = *raw, .saved = *saved };

        put_back(tty, &note);
}

static void on_ttou(int signal)
{
        (void)signal;
}

/* SIGTTOU makes the call fail with EINTR, or does nothing with SIG_IGN as the handler. */
static void handle_ttou(void (*handler)(int))
{
        struct sigaction action = { .sa_handler = handler };
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGTTOU);
        sigaction(SIGTTOU, &action, NULL);
        sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* False where the terminal is not that of this session, and the kernel asks for no group either. */
static bool is_in_background(int tty, pid_t group)
{
        pid_t front = tcgetpgrp(tty);

        return front >= 0 && front != group;
}

/*
 * The launcher is dead, and its shell learns of it at this very moment.  No call compares modes
 * and sets them in one, so between the two a shell could have set those of its line editor, which
 * would be lost.  But a shell that has such an editor first takes the terminal back from the
 * launcher's group, and the kernel sets no modes for a member of a group in the background: as a
 * member, the guard sets them before that or not at all.  (The kernel tells all members so; it is
 * asked before, so that this happens in the one moment only for which there is no other way.)
 *
 * Where it comes too late, a shell that restores modes has to have done so before they are looked
 * at again, and tells nobody: hence the pause.  It ends before a person has typed a next command;
 * one that was typed ahead, and is a kelp again, would have its own modes taken for the old ones.
 */
static void restore_after(pid_t group, int tty, const struct note *note)
{
        static const struct timespec pause = { .tv_nsec = 50000000 };

        handle_ttou(on_ttou);
        if (setpgid(0, group) == 0 && !is_in_background(tty, group) && put_back(tty, note) == 0)
                return;
        handle_ttou(SIG_IGN);
        nanosleep(&pause, NULL);
        put_back(tty, note);
}

/*
 * A group of its own: a signal or a SIGKILL to that of the launcher passes it by, and so does a
 * hang-up.  Nothing but the two descriptors stays open: it must not keep a pipe of the user's from
 * its end.
 */
static _Noreturn void guard_main(int pipe, int tty)
{
        const pid_t group = getpgrp();
        struct note note = { 0 };
        struct note next;
        ssize_t n;

        if (setpgid(0, 0) < 0 || dup2(pipe, 0) < 0 || dup2(tty, 1) < 0 ||
            syscall(SYS_close_range, 2, ~0u, 0) < 0)
                _exit(1);
        prctl(PR_SET_NAME, "kelp-guard", 0, 0, 0);
        while ((n = read(0, &next, sizeof(next))) != 0) {
                if (n == (ssize_t)sizeof(next))
                        note = next;
                else if (n > 0 || errno != EINTR)
                        break;
        }
        if (note.is_set)
                restore_after(group, 1, &note);
        _exit(0);
}

int guard_start(struct guard *g, int tty, struct err *e)
{
        autofd reader = -1;
        autofd writer = -1;

        if (fd_pipe(&reader, &writer, e) < 0)
                return -e->code;
        pid_t pid = fork();
        if (pid < 0)
                return err_sys(e, "cannot fork the guard of the terminal");
        if (pid == 0)
                guard_main(reader, tty);
        g->child = (struct child){ .pid = pid, .pidfd = -1 };
        g->pipe = fd_take(&writer);
        return 0;
}

static void send_note(struct guard *g, const struct note *note)
{
        /* EPIPE is a guard that somebody killed: the launcher itself still restores */
        if (g->pipe >= 0 && write(g->pipe, note, sizeof(*note)) < 0)
                fd_close(&g->pipe);
}

void guard_set(struct guard *g, const struct termios *raw, const struct termios *next,
               const struct termios *saved)
{
        const struct note note = { .is_set = true, .raw = *raw, .next = *next, .saved = *saved };

        send_note(g, &note);
}

void guard_clear(struct guard *g)
{
        const struct note note = { .is_set = false };

        send_note(g, &note);
}

void guard_done(struct guard *g)
{
        fd_close(&g->pipe);
        proc_kill_child(&g->child);
}
