#include "terminal.h"

#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* The lowest standard stream that is a terminal, or -1. */
static int find_stream(void)
{
        for (int fd = 0; fd <= 2; fd++) {
                if (isatty(fd))
                        return fd;
        }
        return -1;
}

/*
 * An open file of our own: O_NONBLOCK on the one we inherited would be seen by all who share it,
 * and without it another reader of the same terminal could leave us blocked in a read.
 */
static int open_again(int stream)
{
        char path[32];

        snprintf(path, sizeof(path), "/proc/self/fd/%d", stream);
        return open(path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static int choose(struct terminal *t, int stream, int *controlling, struct err *e)
{
        struct stat st;

        if (fstat(stream, &st) < 0)
                return err_sys(e, "cannot stat the terminal on descriptor %d", stream);
        t->device = st.st_rdev;
        /* only the controlling terminal has a foreground for us */
        if (*controlling >= 0 && tcgetpgrp(stream) >= 0) {
                t->is_controlling = true;
                t->is_nonblocking = true;
                t->fd = fd_take(controlling);
                return 0;
        }
        t->fd = open_again(stream);
        t->is_nonblocking = t->fd >= 0;
        /* a terminal that belongs to another user can be used, not opened */
        if (t->fd < 0)
                t->fd = fcntl(stream, F_DUPFD_CLOEXEC, 3);
        if (t->fd < 0)
                return err_sys(e, "cannot keep the terminal on descriptor %d", stream);
        return 0;
}

int terminal_open(struct terminal *t, unsigned on_pty, struct err *e)
{
        autofd controlling = open("/dev/tty", O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        int stream = find_stream();

        t->has_jobs = controlling >= 0;
        if (!on_pty || stream < 0)
                return 0;
        return choose(t, stream, &controlling, e);
}

bool terminal_is_lost(const struct terminal *t)
{
        struct termios modes;

        return tcgetattr(t->fd, &modes) < 0;
}

bool terminal_is_foreground(const struct terminal *t)
{
        return !t->is_controlling || tcgetpgrp(t->fd) == getpgrp();
}

/* termios(3), cfmakeraw(), but for the character size and parity, which are the line's own. */
static struct termios make_raw(const struct termios *from, bool keeps_post)
{
        struct termios raw = *from;

        raw.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL |
                                   IXON | IXOFF | IXANY | IUCLC | INPCK);
        if (!keeps_post)
                raw.c_oflag &= ~(tcflag_t)OPOST;
        raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
        raw.c_cc[VMIN] = 1;
        raw.c_cc[VTIME] = 0;
        return raw;
}

static bool is_raw_now(const struct terminal *t, const struct termios *now)
{
        return t->is_raw && now->c_lflag == t->raw.c_lflag && now->c_iflag == t->raw.c_iflag &&
               now->c_oflag == t->raw.c_oflag;
}

/* With SIGTTOU let through: that is how the kernel tells who has no right to it now. */
static int set_modes(int fd, const struct termios *modes)
{
        sigset_t pass, before;
        int r;

        sigemptyset(&pass);
        sigaddset(&pass, SIGTTOU);
        sigprocmask(SIG_UNBLOCK, &pass, &before);
        do {
                r = tcsetattr(fd, TCSANOW, modes);
        } while (r < 0 && errno == EINTR);
        int saved = errno;
        sigprocmask(SIG_SETMASK, &before, NULL);
        errno = saved;
        return r;
}

int terminal_take(struct terminal *t, struct err *e)
{
        struct termios now;

        if (t->guard.pipe < 0 && guard_start(&t->guard, t->fd, e) < 0)
                return -e->code;
        if (tcgetattr(t->fd, &now) < 0)
                return err_sys(e, "cannot read the modes of the terminal");
        if (is_raw_now(t, &now))
                return 0;
        t->saved = now;
        t->raw = make_raw(&now, t->keeps_post);
        /* before the change: a kill between the two finds modes that need no restoring */
        guard_set(&t->guard, &t->raw, &t->raw, &t->saved);
        if (set_modes(t->fd, &t->raw) < 0)
                return err_sys(e, "cannot set the modes of the terminal");
        t->is_raw = true;
        return 0;
}

int terminal_set_post(struct terminal *t, bool is_on, struct err *e)
{
        struct termios next = t->raw;

        next.c_oflag = is_on ? t->saved.c_oflag : t->saved.c_oflag & ~(tcflag_t)OPOST;
        if (!t->is_raw || next.c_oflag == t->raw.c_oflag)
                return 0;
        /* a kill between the two finds the one or the other */
        guard_set(&t->guard, &t->raw, &next, &t->saved);
        if (set_modes(t->fd, &next) < 0)
                return err_sys(e, "cannot set the modes of the terminal");
        t->raw = next;
        return 0;
}

void terminal_release(struct terminal *t)
{
        if (!t->is_raw)
                return;
        guard_restore(t->fd, &t->raw, &t->saved);
        terminal_forget(t);
}

void terminal_forget(struct terminal *t)
{
        t->is_raw = false;
        guard_clear(&t->guard);
}

void terminal_copy_size(const struct terminal *t, int master)
{
        struct winsize size;

        /* the kernel tells the payload, but only of a size that is new */
        if (t->fd >= 0 && master >= 0 && ioctl(t->fd, TIOCGWINSZ, &size) == 0)
                ioctl(master, TIOCSWINSZ, &size);
}

bool terminal_is_same(const struct terminal *t, int fd)
{
        struct stat st;

        return t->fd >= 0 && isatty(fd) && fstat(fd, &st) == 0 && st.st_rdev == t->device;
}

bool terminal_adds_returns(int fd)
{
        struct termios now;

        return tcgetattr(fd, &now) == 0 && (now.c_oflag & OPOST) && (now.c_oflag & ONLCR);
}

bool terminal_stop_self(int number, bool whole_group)
{
        struct timespec at_once = { 0 };
        sigset_t stop, go, before;

        sigemptyset(&stop);
        sigaddset(&stop, number);
        sigemptyset(&go);
        sigaddset(&go, SIGCONT);
        kill(whole_group ? 0 : getpid(), number);
        /* here it takes effect, and here we come back */
        sigprocmask(SIG_UNBLOCK, &stop, &before);
        sigprocmask(SIG_SETMASK, &before, NULL);
        /* SIGCONT is blocked: it waits if, and only if, it was needed */
        return sigtimedwait(&go, NULL, &at_once) == SIGCONT;
}

void terminal_done(struct terminal *t)
{
        terminal_release(t);
        guard_done(&t->guard);
        fd_close(&t->fd);
}
