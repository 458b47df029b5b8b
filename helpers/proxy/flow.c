#include "flow.h"

#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIPE_SIZE (256 << 10)
#define ROUNDS    8 /* and then another connection has its turn */

static int take_pipe(struct flow_pool *pool, struct flow_pipe *ret)
{
        int fds[2];

        if (pool->n_spare > 0) {
                *ret = pool->spare[--pool->n_spare];
                return 0;
        }
        if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;
        /* the kernel may refuse a user who has many: the size that it has will do */
        (void)fcntl(fds[1], F_SETPIPE_SZ, PIPE_SIZE);
        *ret = (struct flow_pipe){ fds[0], fds[1] };
        return 0;
}

static void close_pipe(struct flow_pipe *pipe)
{
        fd_close(&pipe->reader);
        fd_close(&pipe->writer);
}

/* An empty one is kept for the next flow. */
static void give_pipe(struct flow_pool *pool, struct flow_pipe *pipe)
{
        if (pipe->reader >= 0 && pool->n_spare < FLOW_MAX_SPARE) {
                pool->spare[pool->n_spare++] = *pipe;
                *pipe = (struct flow_pipe){ -1, -1 };
        }
        close_pipe(pipe);
}

/*
 * splice(2) stops in front of a byte that was sent as urgent (MSG_OOB) and never passes it: it says
 * that there is nothing, or when the other side has sent its end that this is the end, and epoll that
 * there is something, for ever.  With SO_OOBINLINE recv(2) takes that byte like any other.  The pipe
 * is empty, so what is written at once fits.
 */
static ssize_t fill_by_copy(const struct flow *f, int from)
{
        char data[PIPE_BUF];
        ssize_t n = recv(from, data, sizeof(data), 0);

        if (n > 0 && write(f->pipe.writer, data, (size_t)n) != n) {
                errno = EIO;
                return -1;
        }
        return n;
}

/* Returns how many bytes have come in, -EAGAIN when there are none, or -errno. */
static ssize_t fill(struct flow_pool *pool, struct flow *f, int from)
{
        if (f->pipe.reader < 0) {
                int r = take_pipe(pool, &f->pipe);
                if (r < 0)
                        return r;
        }
        ssize_t n = splice(from, NULL, f->pipe.writer, NULL, PIPE_SIZE,
                           SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (n == 0 || (n < 0 && errno == EAGAIN && f->is_ready))
                n = fill_by_copy(f, from);
        f->is_ready = false;
        if (n < 0)
                return -errno;
        f->held = (size_t)n;
        f->has_end = n == 0;
        return n;
}

static int send_head(struct flow *f, int to)
{
        while (f->head_at < f->head_len) {
                ssize_t n = send(to, f->head + f->head_at, f->head_len - f->head_at, MSG_NOSIGNAL);

                if (n < 0)
                        return -errno;
                f->head_at += (size_t)n;
        }
        free(f->head);
        f->head = NULL;
        return 0;
}

static int drain(struct flow *f, int to)
{
        while (f->held > 0) {
                ssize_t n = splice(f->pipe.reader, NULL, to, NULL, f->held,
                                   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

                if (n < 0)
                        return -errno;
                f->held -= (size_t)n;
                f->bytes += (uint64_t)n;
        }
        return 0;
}

static int move_once(struct flow_pool *pool, struct flow *f, int from, int to)
{
        int r = f->head ? send_head(f, to) : 0;

        if (r == 0)
                r = drain(f, to);
        if (r == 0 && !f->has_end) {
                ssize_t n = fill(pool, f, from);
                r = n < 0 ? (int)n : 0;
                if (r == 0)
                        r = drain(f, to);
        }
        return r;
}

int flow_move(struct flow_pool *pool, struct flow *f, int from, int to)
{
        int r = 0;

        for (int i = 0; i < ROUNDS && r == 0 && !f->is_shut; i++) {
                r = move_once(pool, f, from, to);
                if (r == 0 && f->has_end) {
                        f->is_shut = true;
                        if (shutdown(to, SHUT_WR) < 0)
                                r = -errno;
                }
        }
        if (f->held == 0)
                give_pipe(pool, &f->pipe);
        return r == -EAGAIN || r == -EINTR ? 0 : r;
}

void flow_set_head(struct flow *f, char *data, size_t len)
{
        f->head = data;
        f->head_len = len;
        f->head_at = 0;
}

void flow_done(struct flow_pool *pool, struct flow *f)
{
        if (f->held == 0)
                give_pipe(pool, &f->pipe);
        else
                close_pipe(&f->pipe);
        free(f->head);
        f->head = NULL;
}

void flow_pool_done(struct flow_pool *pool)
{
        while (pool->n_spare > 0)
                close_pipe(&pool->spare[--pool->n_spare]);
}
