#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

void fd_close(int *fd)
{
        int saved = errno;

        if (*fd >= 0)
                close(*fd);
        *fd = -1;
        errno = saved;
}

void fd_close_dir(DIR **dir)
{
        int saved = errno;

        if (*dir)
                closedir(*dir);
        *dir = NULL;
        errno = saved;
}

DIR *fd_take_dir(int *fd)
{
        DIR *dir = *fd < 0 ? NULL : fdopendir(*fd);

        if (dir)
                *fd = -1;
        else
                fd_close(fd);
        return dir;
}

bool fd_is_open(int fd)
{
        return fcntl(fd, F_GETFD) >= 0 || errno != EBADF;
}

int fd_pipe(int *ret_reader, int *ret_writer, struct err *e)
{
        int ends[2];

        if (pipe2(ends, O_CLOEXEC) < 0)
                return err_sys(e, "cannot make a pipe");
        *ret_reader = ends[0];
        *ret_writer = ends[1];
        return 0;
}

int fd_socketpair(int *ret_one, int *ret_other, struct err *e)
{
        int ends[2];

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
                return err_sys(e, "cannot make a socket pair");
        *ret_one = ends[0];
        *ret_other = ends[1];
        return 0;
}

int fd_set_cloexec(int fd, bool on, struct err *e)
{
        if (fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0)
                return err_sys(e, "cannot set close-on-exec of descriptor %d", fd);
        return 0;
}

int fd_fill_standard(struct err *e)
{
        for (int fd = 0; fd <= 2; fd++) {
                if (fd_is_open(fd))
                        continue;
                /* open() takes the lowest free number, which is this one */
                int got = open("/dev/null", O_RDWR);
                if (got < 0)
                        return err_sys(e, "cannot open '/dev/null'");
                if (got != fd)
                        return err_set(e, EBADF, "cannot fill descriptor %d: got %d", fd, got);
        }
        return 0;
}

static int close_range_sys(unsigned first, unsigned last, unsigned flags, struct err *e)
{
        if (first > last)
                return 0;
        if (syscall(SYS_close_range, first, last, flags) < 0)
                return err_sys(e, "cannot close descriptors %u to %u", first, last);
        return 0;
}

void fd_sort(int *fds, size_t n)
{
        for (size_t i = 1; i < n; i++) {
                int fd = fds[i];
                size_t at = i;

                for (; at > 0 && fds[at - 1] > fd; at--)
                        fds[at] = fds[at - 1];
                fds[at] = fd;
        }
}

int fd_close_others(const int *keep, size_t n, struct err *e)
{
        unsigned first = 3;

        for (size_t i = 0; i < n; i++) {
                unsigned kept = (unsigned)keep[i];

                if (close_range_sys(first, kept - 1, 0, e) < 0)
                        return -e->code;
                first = kept + 1;
        }
        return close_range_sys(first, UINT_MAX, 0, e);
}

int fd_cloexec_others(struct err *e)
{
        return close_range_sys(3, UINT_MAX, CLOSE_RANGE_CLOEXEC, e);
}

void fd_make_room(size_t n)
{
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= n)
                return;
        limit.rlim_cur = limit.rlim_max < n ? limit.rlim_max : n;
        setrlimit(RLIMIT_NOFILE, &limit);
}
