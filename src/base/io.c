#include "io.h"

#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int io_write_all(int fd, const void *data, size_t len, const char *name, struct err *e)
{
        const char *at = data;

        while (len > 0) {
                ssize_t n = write(fd, at, len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return err_sys(e, "cannot write '%s'", name);
                at += n;
                len -= (size_t)n;
        }
        return 0;
}

int io_write_file(int dirfd, const char *path, const char *text, struct err *e)
{
        autofd fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        size_t len = strlen(text);

        if (fd < 0)
                return err_sys(e, "cannot open '%s'", path);

        /* a kernel file takes a value in one write or not at all */
        ssize_t n = write(fd, text, len);
        if (n < 0)
                return err_sys(e, "cannot write '%s'", path);
        if ((size_t)n != len)
                return err_set(e, EIO, "'%s' took %zd of %zu bytes", path, n, len);
        return 0;
}

ssize_t io_read(int fd, void *data, size_t len)
{
        ssize_t n;

        do {
                n = read(fd, data, len);
        } while (n < 0 && errno == EINTR);
        return n;
}

ssize_t io_read_at(int fd, void *data, size_t len, uint64_t at)
{
        size_t got = 0;

        while (got < len) {
                ssize_t n = pread(fd, (char *)data + got, len - got, (off_t)(at + got));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -1;
                if (n == 0)
                        break;
                got += (size_t)n;
        }
        return (ssize_t)got;
}

ssize_t io_write_at(int fd, const void *data, size_t len, uint64_t at)
{
        size_t put = 0;

        while (put < len) {
                ssize_t n = pwrite(fd, (const char *)data + put, len - put, (off_t)(at + put));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -1;
                put += (size_t)n;
        }
        return (ssize_t)put;
}

int io_read_all(int fd, size_t limit, const char *name, char **ret_data, size_t *ret_len,
                struct err *e)
{
        autofree char *data = NULL;
        size_t len = 0;
        size_t size = 0;

        for (;;) {
                if (size - len < 2) {
                        size = size ? 2 * size : 4096;
                        char *grown = realloc(data, size);
                        if (!grown)
                                return err_set(e, ENOMEM, "out of memory");
                        data = grown;
                }
                ssize_t n = io_read(fd, data + len, size - len - 1);
                if (n < 0)
                        return err_sys(e, "cannot read '%s'", name);
                if (n == 0)
                        break;
                len += (size_t)n;
                if (len > limit)
                        return err_set(e, EFBIG, "'%s' is larger than %zu bytes", name, limit);
        }
        data[len] = '\0';
        *ret_data = data;
        data = NULL;
        if (ret_len)
                *ret_len = len;
        return 0;
}

int io_read_file(int dirfd, const char *path, size_t limit, char **ret_data, size_t *ret_len,
                 struct err *e)
{
        /* O_NONBLOCK: a fifo in the place of a file must not hang us before it is judged */
        autofd fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        struct stat st;

        if (fd < 0)
                return err_sys(e, "cannot open '%s'", path);
        if (fstat(fd, &st) < 0)
                return err_sys(e, "cannot stat '%s'", path);
        if (!S_ISREG(st.st_mode))
                return err_set(e, EINVAL, "'%s' is not a regular file", path);
        return io_read_all(fd, limit, path, ret_data, ret_len, e);
}

ssize_t io_read_small(int dirfd, const char *path, char *buffer, size_t size)
{
        autofd fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

        if (fd < 0)
                return -errno;
        ssize_t n = io_read(fd, buffer, size - 1);
        if (n < 0)
                return -errno;
        if (n > 0 && buffer[n - 1] == '\n')
                n--;
        buffer[n] = '\0';
        return n;
}

union control {
        char bytes[CMSG_SPACE(IO_MAX_FDS * sizeof(int))];
        struct cmsghdr align;
};

int io_send(int sock, const void *data, size_t len, const int *fds, size_t n_fds, struct err *e)
{
        struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
        struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
        union control control = { 0 };
        ssize_t n;

        if (n_fds > IO_MAX_FDS)
                return err_set(e, EINVAL, "too many descriptors for one message");
        if (n_fds > 0) {
                msg.msg_control = control.bytes;
                msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
                struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
                head->cmsg_level = SOL_SOCKET;
                head->cmsg_type = SCM_RIGHTS;
                head->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
                memcpy(CMSG_DATA(head), fds, n_fds * sizeof(int));
        }
        do {
                n = sendmsg(sock, &msg, MSG_NOSIGNAL);
        } while (n < 0 && errno == EINTR);
        if (n < 0)
                return err_sys(e, "cannot send a message to another process of the launch");
        if ((size_t)n != len)
                return err_set(e, EPROTO, "a message was cut to %zd of %zu bytes", n, len);
        return 0;
}

static size_t take_fds(struct msghdr *msg, int *fds, size_t max_fds, bool *ret_too_many)
{
        size_t taken = 0;

        for (struct cmsghdr *head = CMSG_FIRSTHDR(msg); head; head = CMSG_NXTHDR(msg, head)) {
                if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
                        continue;
                size_t n = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                for (size_t i = 0; i < n; i++) {
                        int fd;

                        memcpy(&fd, CMSG_DATA(head) + i * sizeof(int), sizeof(int));
                        if (taken < max_fds) {
                                fds[taken++] = fd;
                        } else {
                                *ret_too_many = true;
                                close(fd);
                        }
                }
        }
        return taken;
}

ssize_t io_receive(int sock, void *data, size_t size, int *fds, size_t max_fds, size_t *ret_n_fds,
                   struct err *e)
{
        struct iovec iov = { .iov_base = data, .iov_len = size };
        union control control;
        struct msghdr msg = { .msg_iov = &iov,
                              .msg_iovlen = 1,
                              .msg_control = control.bytes,
                              .msg_controllen = sizeof(control.bytes) };
        bool too_many = false;
        ssize_t n;

        do {
                n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
        } while (n < 0 && errno == EINTR);
        if (n < 0)
                return err_sys(e, "cannot receive a message of another process of the launch");

        size_t taken = take_fds(&msg, fds, max_fds, &too_many);
        if (too_many || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
                while (taken > 0)
                        close(fds[--taken]);
                return err_set(e, EPROTO, "a message of another process was too long");
        }
        if (ret_n_fds)
                *ret_n_fds = taken;
        return n;
}

int io_wait(int fd, int most_ms)
{
        struct pollfd ready = { .fd = fd, .events = POLLIN };
        int n;

        do {
                n = poll(&ready, 1, most_ms);
        } while (n < 0 && errno == EINTR);
        return n;
}

int io_lock(int fd, int how)
{
        int r;

        do {
                r = flock(fd, how);
        } while (r < 0 && errno == EINTR);
        return r;
}

int io_take_lock(int dir, const char *name)
{
        autofd lock = openat(dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        struct stat st;

        if (lock < 0 || io_lock(lock, LOCK_EX | LOCK_NB) < 0)
                return -1;
        /* whoever had it before may have removed it meanwhile */
        if (fstat(lock, &st) < 0 || st.st_nlink == 0)
                return -1;
        return fd_take(&lock);
}

uint64_t io_now(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}
