/*
 * Any bytes as a message to the supervisor of a sandbox, as an answer of one, and as the command of
 * `kelp exec`: each is taken or refused, no descriptor that came along stays open, and a command that
 * was taken comes back when it is written.
 */

#include "control.h"
#include "enter-request.h"
#include "fuzz.h"
#include "io.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* The lowest number that is free. */
static int next_fd(void)
{
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        if (fd < 0)
                abort();
        close(fd);
        return fd;
}

static void send_all(int sock, const uint8_t *data, size_t size, size_t n_fds)
{
        const int fds[8] = { sock, sock, sock, sock, sock, sock, sock, sock };
        struct err e = { 0 };

        if (io_send(sock, data, size, fds, n_fds, &e) < 0)
                abort();
}

static void check_message(const uint8_t *data, size_t size, size_t n_fds)
{
        struct control_request r = CONTROL_REQUEST_NONE;
        int free_fd = next_fd();
        int ends[2];

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
                abort();
        send_all(ends[0], data, size, n_fds);
        int taken = control_take(ends[1], &r);
        if (taken == 1 && (size != sizeof(r.msg) || r.n_fds != n_fds || n_fds > CONTROL_MAX_FDS ||
                           !memchr(r.msg.err.text, '\0', sizeof(r.msg.err.text))))
                abort();
        if (taken == 0 || (taken < 0 && r.n_fds != 0))
                abort();
        control_request_done(&r);
        /* there was one message */
        if (taken == 1 && control_take(ends[1], &r) != 0)
                abort();
        close(ends[0]);
        close(ends[1]);
        if (next_fd() != free_fd)
                abort();
}

static void check_answer(const uint8_t *data, size_t size, size_t n_fds)
{
        struct err e = { 0 };
        int free_fd = next_fd();
        int value = 0;
        int ends[2];

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
                abort();
        send_all(ends[0], data, size, n_fds);
        int type = control_await(ends[1], &value, &e);
        if (type > 0 && type != CONTROL_DONE && type != CONTROL_EXITED)
                abort();
        if (type < 0 && (e.code != -type || !memchr(e.text, '\0', sizeof(e.text))))
                abort();
        close(ends[0]);
        close(ends[1]);
        if (next_fd() != free_fd)
                abort();
}

static void compare(const struct enter_request *a, const struct enter_request *b)
{
        if (a->wants_tty != b->wants_tty || a->n_args != b->n_args || a->n_env != b->n_env ||
            !a->user != !b->user || !a->workdir != !b->workdir || a->argv[a->n_args] ||
            a->env[a->n_env])
                abort();
        if ((a->user && !str_eq(a->user, b->user)) ||
            (a->workdir && !str_eq(a->workdir, b->workdir)))
                abort();
        for (size_t i = 0; i < a->n_args; i++) {
                if (!str_eq(a->argv[i], b->argv[i]))
                        abort();
        }
        for (size_t i = 0; i < a->n_env; i++) {
                if (!str_eq(a->env[i], b->env[i]))
                        abort();
        }
}

static void check_command(const uint8_t *data, size_t size)
{
        int fd = memfd_create("request", MFD_CLOEXEC);
        struct enter_request first;
        struct enter_request second;
        struct arena a = { 0 };
        struct err e = { 0 };

        if (fd < 0 || io_write_all(fd, (const char *)data, size, "request", &e) < 0)
                abort();
        if (enter_request_read(fd, &a, &first, &e) == 0) {
                int again = enter_request_write(&first, &e);

                if (first.n_args < 1 || again < 0 || enter_request_read(again, &a, &second, &e) < 0)
                        abort();
                compare(&first, &second);
                close(again);
        } else if (e.code != EBADMSG) {
                abort();
        }
        close(fd);
        arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        /* the last byte says how many descriptors come along */
        size_t n_fds = size > 0 ? data[size - 1] % 8u : 0;

        check_command(data, size);
        /* an empty message cannot be told from the end of the stream; a long one has no room */
        if (size == 0 || size > 32768)
                return 0;
        check_message(data, size, n_fds);
        check_answer(data, size, n_fds);
        return 0;
}
