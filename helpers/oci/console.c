#include "console.h"

#include "fd.h"
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#define PTMX "/dev/ptmx"

/* What lies at /dev may be an image's: only the kernel's own multiplexer makes terminals. */
static int open_multiplexer(int *ret, struct err *e)
{
        autofd fd = open(PTMX, O_RDWR | O_NOCTTY | O_CLOEXEC);
        struct stat st;

        if (fd < 0) {
                err_sys(e, "cannot open '" PTMX "' of the container");
                if (e->code == ENOENT)
                        err_hint(e, "process.terminal needs a mount of type devpts at /dev/pts");
                return -e->code;
        }
        if (fstat(fd, &st) < 0)
                return err_sys(e, "cannot stat '" PTMX "'");
        if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2))
                return err_set(e, ENODEV, "'" PTMX "' of the container makes no terminals");
        *ret = fd_take(&fd);
        return 0;
}

/*
 * The peer is opened through the master, never by its name: a name can be made to lead elsewhere
 * (CVE-2025-52565).  Source: ioctl_tty(2), TIOCGPTPEER, Linux 4.13.
 */
static int open_pair(int *ret_master, int *ret_slave, struct err *e)
{
        autofd master = -1;
        int unlocked = 0;

        if (open_multiplexer(&master, e) < 0)
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

/* The name is that of what was opened, for messages of who receives it. */
static int send_master(int socket, int master, struct err *e)
{
        if (io_send(socket, PTMX, strlen(PTMX), &master, 1, e) < 0)
                return err_prefix(e, "cannot send the terminal to the console socket");
        return 0;
}

int console_open(const struct bundle_process *p, int socket, int *ret_slave, struct err *e)
{
        struct winsize size = { .ws_row = (unsigned short)p->rows,
                                .ws_col = (unsigned short)p->columns };
        autofd master = -1;
        autofd slave = -1;

        if (socket < 0)
                return err_set(e, EINVAL, "process.terminal is set without --console-socket");
        if (open_pair(&master, &slave, e) < 0)
                return -e->code;
        if ((p->rows || p->columns) && ioctl(slave, TIOCSWINSZ, &size) < 0)
                return err_sys(e, "cannot set the size of the new terminal");
        /* by name it can be opened again by its owner alone */
        if (fchown(slave, p->uid, (gid_t)-1) < 0)
                return err_sys(e, "cannot give the terminal to user %u", (unsigned)p->uid);
        if (ioctl(slave, TIOCSCTTY, 0) < 0)
                return err_sys(e, "cannot make the new terminal the session's");
        if (send_master(socket, master, e) < 0)
                return -e->code;
        *ret_slave = fd_take(&slave);
        return 0;
}

int console_use(int slave, struct err *e)
{
        for (int fd = 0; fd <= 2; fd++) {
                if (dup2(slave, fd) < 0)
                        return err_sys(e, "cannot put the terminal on stream %d", fd);
        }
        return 0;
}

/* A path that is too long for an address is reached by the descriptor of its directory's file. */
int console_connect(const char *path, int *ret, struct err *e)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        autofd sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (sock < 0)
                return err_sys(e, "cannot make a socket");
        autofd file = open(path, O_PATH | O_CLOEXEC);
        if (file < 0)
                return err_sys(e, "cannot open the console socket '%s'", path);
        snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", file);
        if (connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0)
                return err_sys(e, "cannot connect to the console socket '%s'", path);
        *ret = fd_take(&sock);
        return 0;
}
