#include "conn.h"

#include "fd.h"
#include "http.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static struct queue *queue_of(struct conn *c)
{
        return c->stage == CONN_ASKS ? &c->proxy->asking : &c->proxy->going;
}

void conn_set_stage(struct conn *c, enum conn_stage stage)
{
        queue_remove(queue_of(c), &c->link);
        c->stage = stage;
        queue_add(queue_of(c), &c->link);
}

/* ------ the end ------ */

static void bury(struct grave *g)
{
        free(g);
}

static void set_reset(int fd)
{
        const struct linger now = { .l_onoff = 1, .l_linger = 0 };

        if (fd >= 0)
                setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static void end(struct conn *c)
{
        struct proxy *p = c->proxy;

        if (c->lookup)
                lookup_forget(c->lookup);
        if (c->dial)
                dial_stop(c->dial);
        loop_stop_timer(&p->loop, &c->timer);
        loop_close(&p->loop, &c->client);
        loop_close(&p->loop, &c->server);
        flow_done(&p->pool, &c->out);
        flow_done(&p->pool, &c->in);
        if (c->fake != 0)
                names_release(p->names, c->fake, p->loop.now / 1000000000u);
        free(c->buffer);
        queue_remove(queue_of(c), &c->link);
        c->stage = CONN_OVER;
        loop_bury(&p->loop, &c->grave);
}

static void note(struct conn *c, enum journal_verdict verdict, const char *reason)
{
        struct proxy *p = c->proxy;
        char host[NET_RULE_MAX_NAME + 1];
        const struct journal_entry entry = {
                .host = target_print_host(&c->target, host),
                .port = c->target.port,
                .address = &c->address,
                .verdict = verdict,
                .reason = reason,
                .is_connection = true,
                .bytes_in = c->in.bytes,
                .bytes_out = c->out.bytes,
                .ms = (p->loop.now - c->started) / 1000000,
        };

        if (c->listener->kind == LISTENER_FORWARD)
                return;
        journal_log(&p->journal, &entry);
        if (verdict == JOURNAL_REFUSED)
                journal_tell(&p->journal, &entry);
}

/* A word to the client, who is no longer listened to: what he has sent must not become a reset. */
static void say_and_end(struct conn *c, const void *data, size_t len)
{
        char waste[4096];

        (void)!send(c->client.fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        shutdown(c->client.fd, SHUT_WR);
        for (int i = 0; i < 16 && recv(c->client.fd, waste, sizeof(waste), MSG_DONTWAIT) > 0; i++)
                ;
        end(c);
}

/* How a client learns that there will be no connection; one that did not ask gets a reset. */
static void turn_away(struct conn *c, enum socks_reply reply, unsigned status, const char *reason)
{
        uint8_t socks[10];
        char text[1024];

        switch (c->listener->kind) {
        case LISTENER_SOCKS:
                if (c->has_greeted) {
                        socks_print_reply(reply, socks);
                        say_and_end(c, socks, sizeof(socks));
                        return;
                }
                break;
        case LISTENER_CONNECT:
                say_and_end(c, text, http_print_error(status, reason, text));
                return;
        case LISTENER_DIRECT:
        case LISTENER_FORWARD:
        case LISTENER_DNS_UDP:
        case LISTENER_DNS_TCP:
                break;
        }
        set_reset(c->client.fd);
        end(c);
}

void conn_close(struct conn *c)
{
        note(c, JOURNAL_ALLOWED, "closed");
        end(c);
}

void conn_reset(struct conn *c, const char *reason)
{
        set_reset(c->client.fd);
        set_reset(c->server.fd);
        if (c->stage != CONN_ASKS)
                note(c, c->stage == CONN_RELAYS ? JOURNAL_ALLOWED : JOURNAL_FAILED, reason);
        end(c);
}

/* Where a name leads to is for those outside to read: who only asked learns nothing of their networks. */
void conn_refuse(struct conn *c, const char *reason)
{
        bool has_answer = c->target.name[0] != '\0' && c->address.family != 0;

        note(c, JOURNAL_REFUSED, reason);
        turn_away(c, SOCKS_FORBIDDEN, 403,
                  has_answer ? "its address is none that may be reached" : reason);
}

void conn_fail(struct conn *c, int error, const char *reason)
{
        note(c, JOURNAL_FAILED, reason);
        turn_away(c, socks_name_error(error), error == ETIMEDOUT ? 504 : 502, reason);
}

void conn_reject(struct conn *c, const char *reason)
{
        turn_away(c, SOCKS_FAILED, 400, reason);
}

void conn_reject_socks(struct conn *c, enum socks_reply reply)
{
        turn_away(c, reply, 400, "");
}

void conn_hang_up(struct conn *c)
{
        say_and_end(c, "", 0);
}

void conn_drop_all(struct proxy *p)
{
        while (p->asking.first)
                end(queue_first(&p->asking));
        while (p->going.first)
                conn_reset(queue_first(&p->going), "the sandbox has ended");
}

/* ------ the beginning ------ */

static void client_ready(struct watch *w, uint32_t events)
{
        struct conn *c = w->owner;

        switch (c->stage) {
        case CONN_ASKS:
                conn_ask_ready(c);
                break;
        case CONN_SEEKS:
        case CONN_BEGS:
                /* nothing but an error is watched for */
                conn_reset(c, "the client went away");
                break;
        case CONN_RELAYS:
                conn_relay_ready(c, true, events);
                break;
        case CONN_OVER:
                break;
        }
}

static void server_ready(struct watch *w, uint32_t events)
{
        struct conn *c = w->owner;

        if (c->stage == CONN_BEGS)
                conn_beg_ready(c, events);
        else if (c->stage == CONN_RELAYS)
                conn_relay_ready(c, false, events);
}

static void timed_out(void *owner)
{
        struct conn *c = owner;

        if (c->stage == CONN_ASKS)
                conn_reject(c, "the request took too long");
        else
                conn_fail(c, ETIMEDOUT, "timed out");
}

/* Room for one more: who has not said where to makes place, the one who waits longest first. */
static bool make_room(struct proxy *p)
{
        if (p->asking.n + p->going.n < p->max_conns)
                return true;
        struct conn *oldest = queue_first(&p->asking);
        if (!oldest)
                return false;
        set_reset(oldest->client.fd);
        end(oldest);
        return true;
}

static struct conn *make(struct proxy *p, const struct config_listener *listener, int *fd)
{
        struct conn *c = make_room(p) ? calloc(1, sizeof(*c)) : NULL;
        int on = 1;

        if (!c) {
                set_reset(*fd);
                fd_close(fd);
                return NULL;
        }
        setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        setsockopt(*fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
        setsockopt(*fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
        c->grave.bury = bury;
        c->proxy = p;
        c->listener = listener;
        c->stage = CONN_ASKS;
        c->client = (struct watch){ .fd = fd_take(fd), .ready = client_ready, .owner = c };
        c->server = (struct watch){ .fd = -1, .ready = server_ready, .owner = c };
        c->timer = (struct timer){ .ring = timed_out, .owner = c };
        c->out = (struct flow)FLOW_EMPTY;
        c->in = (struct flow)FLOW_EMPTY;
        c->started = p->loop.now;
        c->link.owner = c;
        queue_add(queue_of(c), &c->link);
        return c;
}

/* Where it wanted to go is the address that it has come to. */
static bool take_destination(struct conn *c)
{
        struct sockaddr_storage sa;
        socklen_t len = sizeof(sa);

        return getsockname(c->client.fd, (struct sockaddr *)&sa, &len) == 0 &&
               address_from_socket(&sa, &c->target.address, &c->target.port);
}

void conn_begin(struct proxy *p, const struct config_listener *listener, int *fd)
{
        struct conn *c = make(p, listener, fd);
        bool asks = listener->kind == LISTENER_CONNECT || listener->kind == LISTENER_SOCKS;

        if (!c)
                return;
        if (loop_watch(&p->loop, &c->client, asks ? EPOLLIN : 0) < 0) {
                conn_reset(c, "out of memory");
                return;
        }
        if (asks) {
                loop_set_timer(&p->loop, &c->timer, LOOP_HANDSHAKE);
                return;
        }
        if (listener->kind == LISTENER_FORWARD)
                c->target =
                        (struct target){ .address = listener->address[0], .port = listener->port };
        else if (!take_destination(c)) {
                conn_reset(c, "no destination");
                return;
        }
        conn_seek(c);
}
