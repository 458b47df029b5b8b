#ifndef KELP_PROXY_FLOW_H
#define KELP_PROXY_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Bytes from one socket to another by splice(2), without a copy in this process.  A flow has a pipe
 * only while something is in it: a connection that waits costs no pipe, and what is not read on one
 * side stops the other, as nothing is read in while the pipe is not empty.
 */

#define FLOW_MAX_SPARE 64

struct flow_pipe {
        int reader; /* -1: none */
        int writer;
};

struct flow_pool {
        struct flow_pipe spare[FLOW_MAX_SPARE];
        size_t n_spare;
};

struct flow {
        struct flow_pipe pipe;
        size_t held; /* bytes in the pipe */
        char *head;  /* goes first, as it has been read already; freed when it is out */
        size_t head_len;
        size_t head_at;
        bool has_end;   /* nothing more comes in */
        bool is_shut;   /* and that has been passed on */
        bool is_ready;  /* epoll has said that there is something to read */
        uint64_t bytes; /* passed on; of a head what its giver says */
};

#define FLOW_EMPTY                                                                                 \
        {                                                                                          \
                .pipe = { -1, -1 }                                                                 \
        }

/*
 * Moves what can be moved now, a bounded amount.  The end is passed on by shutdown(2).  Returns 0, or
 * -errno: one of the sockets has failed.
 */
int flow_move(struct flow_pool *pool, struct flow *f, int from, int to);

/* What it waits for. */
static inline bool flow_wants_in(const struct flow *f)
{
        return !f->has_end && f->held == 0 && !f->head;
}

static inline bool flow_wants_out(const struct flow *f)
{
        return f->held > 0 || f->head;
}

/* Gives it bytes to send first: `data` belongs to the flow afterwards. */
void flow_set_head(struct flow *f, char *data, size_t len);

void flow_done(struct flow_pool *pool, struct flow *f);
void flow_pool_done(struct flow_pool *pool);

#endif
