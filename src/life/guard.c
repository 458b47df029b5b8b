#include "guard.h"

#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

struct note {
        bool is_set;
        struct termios raw;
        struct termios saved;
};

/* The kernel may adjust the rest (speeds, character size) on the way through a driver. */
static bool is_same(const struct termios *a, const struct termios *b)
{
        return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_lflag == b->c_lflag;
}

void guard_restore(int tty, const struct termios *raw, const struct termios *saved)
{
        struct termios now;

        if (tcgetattr(tty, &now) == 0 && is_same(&now, raw))
                tcsetattr(tty, TCSANOW, saved);
}

/*
 * Another session: a signal or a SIGKILL to the launcher's process group passes it by, a hang-up
 * too, and to set the modes of a terminal that is not its own it need not be in the foreground.
 * Nothing but the two descriptors stays open: it must not keep a pipe of the user's from its end.
 */
static _Noreturn void guard_main(int pipe, int tty)
{
        struct note note = { 0 };
        struct note next;
        ssize_t n;

        if (setsid() < 0 || dup2(pipe, 0) < 0 || dup2(tty, 1) < 0 ||
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
                guard_restore(1, &note.raw, &note.saved);
        _exit(0);
}

int guard_start(struct guard *g, int tty, struct err *e)
{
        int ends[2];

        if (pipe2(ends, O_CLOEXEC) < 0)
                return err_sys(e, "cannot make a pipe");
        autofd reader = ends[0];
        autofd writer = ends[1];
        pid_t pid = fork();
        if (pid < 0)
                return err_sys(e, "cannot fork the guard of the terminal");
        if (pid == 0)
                guard_main(reader, tty);
        g->child = (struct child){ .pid = pid, .pidfd = -1 };
        g->pipe = fd_take(&writer);
        return 0;
}

void guard_set(struct guard *g, const struct termios *raw, const struct termios *saved)
{
        struct note note = { .is_set = raw != NULL };

        if (g->pipe < 0)
                return;
        if (raw) {
                note.raw = *raw;
                note.saved = *saved;
        }
        /* EPIPE is a guard that somebody killed: the launcher itself still restores */
        if (write(g->pipe, &note, sizeof(note)) < 0)
                fd_close(&g->pipe);
}

void guard_done(struct guard *g)
{
        fd_close(&g->pipe);
        proc_kill_child(&g->child);
}
