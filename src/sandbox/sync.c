#include "sync.h"

#include "io.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* A message without an error is its head alone: half a page less to copy for each. */
#define HEAD_SIZE offsetof(struct sync_msg, err)

int sync_send(int sock, enum sync_type type, int value, const int *fds, size_t n_fds, struct err *e)
{
        struct sync_msg msg = { .type = type, .value = value };

        return io_send(sock, &msg, HEAD_SIZE, fds, n_fds, e);
}

void sync_send_failed(int sock, const struct err *why)
{
        struct sync_msg msg = { .type = SYNC_FAILED, .err = *why };
        struct err unused = { 0 };

        io_send(sock, &msg, sizeof(msg), NULL, 0, &unused);
}

static int check_shape(const struct sync_msg *msg, ssize_t len, struct err *e)
{
        size_t want = msg->type == SYNC_FAILED ? sizeof(*msg) : HEAD_SIZE;

        if ((size_t)len != want)
                return err_set(e, EPROTO, "a message of %zd bytes in the launch", len);
        return 0;
}

int sync_receive(int sock, struct sync_msg *ret, struct err *e)
{
        struct sync_msg msg;
        ssize_t n = io_receive(sock, &msg, sizeof(msg), NULL, 0, NULL, e);

        if (n <= 0)
                return (int)n;
        if (check_shape(&msg, n, e) < 0)
                return -e->code;
        msg.err.text[sizeof(msg.err.text) - 1] = '\0';
        *ret = msg;
        return 1;
}

static void close_all(const int *fds, size_t n)
{
        while (n > 0)
                close(fds[--n]);
}

static int take_failure(const struct sync_msg *msg, struct err *e)
{
        *e = msg->err;
        e->text[sizeof(e->text) - 1] = '\0';
        if (e->code <= 0)
                e->code = EPROTO;
        return -e->code;
}

int sync_await_any(int sock, struct sync_msg *ret, int *fds, size_t *ret_n_fds, const char *peer,
                   struct err *e)
{
        struct sync_msg msg;
        ssize_t n = io_receive(sock, &msg, sizeof(msg), fds, IO_MAX_FDS, ret_n_fds, e);

        /* the peer ended with a message of ours unread, and what it said last lies behind that */
        if (n < 0 && e->code == ECONNRESET) {
                *e = (struct err){ .step = e->step };
                n = io_receive(sock, &msg, sizeof(msg), fds, IO_MAX_FDS, ret_n_fds, e);
        }
        if (n < 0)
                return -e->code;
        if (n == 0)
                return err_set(e, EPIPE, "%s ended before it was done", peer);
        if (check_shape(&msg, n, e) == 0 && msg.type != SYNC_FAILED) {
                *ret = msg;
                return 0;
        }
        close_all(fds, *ret_n_fds);
        *ret_n_fds = 0;
        return e->code ? -e->code : take_failure(&msg, e);
}

int sync_await(int sock, enum sync_type type, int *ret_value, int *fds, size_t n_fds,
               const char *peer, struct err *e)
{
        int got[IO_MAX_FDS];
        size_t n_got = 0;
        struct sync_msg msg;

        if (sync_await_any(sock, &msg, got, &n_got, peer, e) < 0)
                return -e->code;
        if (msg.type == type && n_got == n_fds) {
                if (n_got > 0)
                        memcpy(fds, got, n_got * sizeof(int));
                if (ret_value)
                        *ret_value = msg.value;
                return 0;
        }
        close_all(got, n_got);
        return err_set(e, EPROTO, "%s sent message %u with %zu descriptors, not %u with %zu", peer,
                       msg.type, n_got, (unsigned)type, n_fds);
}
