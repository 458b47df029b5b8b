/* Both ways, until both have ended or one side has failed. */

#include "conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/*
 * What a side is watched for.  A side at whose end both ways are says so again and again: it is
 * left alone until it is needed.
 */
static int watch_side(struct conn *c, struct watch *w, const struct flow *from,
                      const struct flow *to, bool is_hung)
{
        uint32_t events = (flow_wants_in(from) ? EPOLLIN : 0) | (flow_wants_out(to) ? EPOLLOUT : 0);

        if (events == 0 && (is_hung || (from->has_end && to->is_shut))) {
                loop_forget(&c->proxy->loop, w);
                return 0;
        }
        return loop_watch(&c->proxy->loop, w, events);
}

static void move(struct conn *c)
{
        struct flow_pool *pool = &c->proxy->pool;
        int out = flow_move(pool, &c->out, c->client.fd, c->server.fd);
        int in = flow_move(pool, &c->in, c->server.fd, c->client.fd);

        if (out < 0 || in < 0) {
                conn_reset(c, err_name(out < 0 ? -out : -in));
                return;
        }
        if (c->out.is_shut && c->in.is_shut) {
                conn_close(c);
                return;
        }
        if (watch_side(c, &c->client, &c->out, &c->in, c->client_is_hung) < 0 ||
            watch_side(c, &c->server, &c->in, &c->out, c->server_is_hung) < 0)
                conn_reset(c, "out of memory");
}

/* What a client that asked is told before the first byte of the server. */
static size_t print_welcome(const struct conn *c, char *out, size_t size)
{
        static const char http[] = "HTTP/1.1 200 Connection established\r\n\r\n";

        if (c->listener->kind == LISTENER_SOCKS && size >= 10) {
                socks_print_reply(SOCKS_OK, (uint8_t *)out);
                return 10;
        }
        if (c->listener->kind == LISTENER_CONNECT && !c->is_plain && size >= sizeof(http)) {
                memcpy(out, http, sizeof(http) - 1);
                return sizeof(http) - 1;
        }
        return 0;
}

void conn_relay(struct conn *c)
{
        char *welcome = malloc(64);
        size_t len = welcome ? print_welcome(c, welcome, 64) : 0;

        loop_stop_timer(&c->proxy->loop, &c->timer);
        conn_set_stage(c, CONN_RELAYS);
        if (len > 0)
                flow_set_head(&c->in, welcome, len);
        else
                free(welcome);
        if (!welcome) {
                conn_reset(c, "out of memory");
                return;
        }
        if (c->buffer_len > 0) {
                flow_set_head(&c->out, c->buffer, c->buffer_len);
                c->out.bytes += c->buffer_len;
                c->buffer = NULL;
        }
        free(c->buffer);
        c->buffer = NULL;
        move(c);
}

/*
 * A failed side: what it has sent before goes to the other one first.  The error is not asked for
 * before that, as it would be forgotten then, and look like an end in order.
 */
static void side_failed(struct conn *c, bool is_client)
{
        struct flow_pool *pool = &c->proxy->pool;
        int r = is_client ? flow_move(pool, &c->out, c->client.fd, c->server.fd)
                          : flow_move(pool, &c->in, c->server.fd, c->client.fd);

        conn_reset(c, r < 0 ? err_name(-r) : "a side has failed");
}

void conn_relay_ready(struct conn *c, bool is_client, uint32_t events)
{
        if (events & EPOLLERR) {
                side_failed(c, is_client);
                return;
        }
        if (events & EPOLLHUP) {
                c->client_is_hung = c->client_is_hung || is_client;
                c->server_is_hung = c->server_is_hung || !is_client;
        }
        if (events & EPOLLIN)
                (is_client ? &c->out : &c->in)->is_ready = true;
        move(c);
}
