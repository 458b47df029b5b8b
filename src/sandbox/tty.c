#include "tty.h"

#include "fd.h"
#include "proc.h"

#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#define ALL_STREAMS 7u
#define PTMX        "/dev/pts/ptmx"

bool tty_is_interactive(const struct plan *p, unsigned on_pty)
{
        return p->exec.force_tty || (on_pty & 3u) == 3u;
}

/* The standard streams that are terminals; *ret_first is the lowest of them or -1. */
static unsigned find_terminals(int *ret_first)
{
        unsigned found = 0;
        struct termios modes;

        *ret_first = -1;
        for (int fd = 2; fd >= 0; fd--) {
                if (ioctl(fd, TCGETS, &modes) < 0)
                        continue;
                found |= 1u << fd;
                *ret_first = fd;
        }
        return found;
}

/*
 * Whether the launcher's process group is in the foreground of the user's terminal.  Seen from
 * this pid namespace the numbers of both are 0, so tcgetpgrp(3) says nothing.  But a read by a
 * process in the background that blocks SIGTTIN is EIO (tty_ioctl(4), job control), even of no
 * bytes.  Non-blocking, because another reader may be at it.
 */
static bool is_foreground(void)
{
        autofd fd = open("/dev/tty", O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        sigset_t block, before;
        char none;

        if (fd < 0)
                return true; /* not our controlling terminal: no job control */
        sigemptyset(&block);
        sigaddset(&block, SIGTTIN);
        sigprocmask(SIG_BLOCK, &block, &before);
        bool is_behind = read(fd, &none, 0) < 0 && errno == EIO;
        sigprocmask(SIG_SETMASK, &before, NULL);
        return !is_behind;
}

static int check_ptmx(int fd, struct err *e)
{
        struct stat st;
        struct statfs fs;

        if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
                return err_sys(e, "cannot stat '" PTMX "'");
        if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2) || fs.f_type != DEVPTS_SUPER_MAGIC)
                return err_set(e, ENODEV, "'" PTMX "' is not the multiplexer of a devpts");
        return 0;
}

/*
 * The peer is opened through the master, never by its name: a name can be made to lead elsewhere
 * (CVE-2025-52565).  Source: ioctl_tty(2), TIOCGPTPEER, Linux 4.13.
 */
static int open_pair(int *ret_master, int *ret_slave, struct err *e)
{
        autofd master = open(PTMX, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW);
        int unlocked = 0;

        if (master < 0)
                return err_sys(e, "cannot open '" PTMX "'");
        if (check_ptmx(master, e) < 0)
                return -e->code;
        if (ioctl(master, TIOCSPTLCK, &unlocked) < 0)
                return err_sys(e, "cannot unlock the new terminal");
        autofd slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (slave < 0)
                return err_sys(e, "cannot open the new terminal");
        *ret_master = fd_take(&master);
        *ret_slave = fd_take(&slave);
        return 0;
}

/*
 * The payload sees the user's modes and size.  In the background the user's shell has set the
 * modes for its own line editor: those are nobody else's business, so the kernel's stay.
 */
static int copy_settings(int from, bool is_front, int slave, struct err *e)
{
        struct winsize size = { .ws_row = 24, .ws_col = 80 };
        struct termios modes;

        if (from >= 0)
                ioctl(from, TIOCGWINSZ, &size);
        if (ioctl(slave, TIOCSWINSZ, &size) < 0)
                return err_sys(e, "cannot set the size of the new terminal");
        if (ioctl(from >= 0 && is_front ? from : slave, TCGETS, &modes) < 0)
                return err_sys(e, "cannot read the modes of the terminal");
        if (from < 0)
                modes.c_iflag |= IUTF8;
        if (ioctl(slave, TCSETS, &modes) < 0)
                return err_sys(e, "cannot set the modes of the new terminal");
        return 0;
}

unsigned tty_streams(const struct plan *p)
{
        int unused;

        return p->exec.force_tty ? ALL_STREAMS : find_terminals(&unused);
}

static int open_in_session(const struct plan *p, bool is_front, struct tty *ret, int *ret_master,
                           struct err *e)
{
        int from;
        unsigned found = find_terminals(&from);
        unsigned on_pty = p->exec.force_tty ? ALL_STREAMS : found;

        if (setsid() < 0)
                return err_sys(e, "cannot start a session");
        if (!on_pty) {
                *ret = (struct tty)TTY_NONE;
                *ret_master = -1;
                return 0;
        }
        autofd master = -1;
        autofd slave = -1;
        if (open_pair(&master, &slave, e) < 0)
                return -e->code;
        if (copy_settings(from, is_front, slave, e) < 0)
                return -e->code;
        if (ioctl(slave, TIOCSCTTY, 0) < 0)
                return err_sys(e, "cannot make the new terminal the session's");
        ret->on_pty = on_pty;
        ret->is_background = !is_front || !tty_is_interactive(p, on_pty);
        ret->slave = fd_take(&slave);
        *ret_master = fd_take(&master);
        return 0;
}

int tty_open(const struct plan *p, struct tty *ret, int *ret_master, struct err *e)
{
        /* asked before setsid: afterwards the user's terminal is not ours any more */
        return open_in_session(p, !tty_streams(p) || is_foreground(), ret, ret_master, e);
}

int tty_open_own(const struct plan *p, struct tty *ret, int *ret_master, struct err *e)
{
        if (open_in_session(p, true, ret, ret_master, e) < 0)
                return -e->code;
        ret->is_leader = true;
        /* without its parent in the session nobody could stop it and bring it forward again */
        ret->is_background = false;
        return 0;
}

int tty_set_owner(const struct tty *t, uid_t uid, struct err *e)
{
        if (t->slave >= 0 && fchown(t->slave, uid, (gid_t)-1) < 0)
                return err_sys(e, "cannot give the terminal to user %u", (unsigned)uid);
        return 0;
}

/* A group in the background may do this only with SIGTTOU blocked: tcsetpgrp(3). */
static int come_to_front(int slave, struct err *e)
{
        sigset_t block, before;
        pid_t self = getpid();

        sigemptyset(&block);
        sigaddset(&block, SIGTTOU);
        sigprocmask(SIG_BLOCK, &block, &before);
        int r = ioctl(slave, TIOCSPGRP, &self);
        int saved = errno;
        sigprocmask(SIG_SETMASK, &before, NULL);
        if (r < 0) {
                errno = saved;
                return err_sys(e, "cannot come to the foreground of the new terminal");
        }
        return 0;
}

int tty_enter(const struct tty *t, struct err *e)
{
        if (!t->is_leader && setpgid(0, 0) < 0)
                return err_sys(e, "cannot start a process group");
        if (t->slave < 0)
                return 0;
        if (!t->is_background && come_to_front(t->slave, e) < 0)
                return -e->code;
        for (int fd = 0; fd <= 2; fd++) {
                if ((t->on_pty & 1u << fd) && dup2(t->slave, fd) < 0)
                        return err_sys(e, "cannot put the new terminal on stream %d", fd);
        }
        return 0;
}
