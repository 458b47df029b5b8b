/* Questions of the sandbox about names, by UDP and TCP, and what is answered. */

#include "dns.h"
#include "fd.h"
#include "judge.h"
#include "listener.h"
#include "str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define AT_ONCE 64

static void set_number(struct dns_answer *a, uint32_t address)
{
        for (size_t i = 0; i < 4; i++)
                a->address[i] = (uint8_t)(address >> (24 - 8 * i));
        a->address_len = 4;
}

static void note(struct proxy *p, const char *name, const struct verdict *v)
{
        const struct journal_entry entry = {
                .host = name,
                .verdict = v->is_allowed ? JOURNAL_ALLOWED : JOURNAL_REFUSED,
                .reason = v->reason,
        };

        if (journal_is_repeated(&p->journal, &entry, p->loop.now))
                return;
        journal_log(&p->journal, &entry);
        journal_tell(&p->journal, &entry);
}

/* The sandbox's own loopback.  Source: RFC 6761, section 6.3. */
static void answer_localhost(const struct dns_question *q, struct dns_answer *a)
{
        if (q->type == DNS_A)
                set_number(a, 0x7f000001);
        if (q->type != DNS_AAAA)
                return;
        a->address[15] = 1;
        a->address_len = 16;
}

/* Whose address it is, where it is one that we have made up; of others nothing is said. */
static void answer_reverse(struct proxy *p, const struct dns_question *q, struct dns_answer *a)
{
        uint8_t bytes[4];

        if (!dns_reads_address(q->name, bytes)) {
                a->code = DNS_NXDOMAIN;
                return;
        }
        uint32_t address = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
                           (uint32_t)bytes[2] << 8 | bytes[3];
        const char *name = names_find(p->names, address);
        if (!name)
                a->code = DNS_NXDOMAIN;
        else if (q->type == DNS_PTR)
                a->name = name;
}

static void answer_name(struct proxy *p, const struct dns_question *q, struct dns_answer *a)
{
        struct verdict v = judge_name(p->config.rules, p->config.n_rules, q->name, 0);
        uint32_t address;

        if (!q->is_name)
                v = (struct verdict){ .reason = "this is no host name" };
        if (v.is_allowed && q->type == DNS_A) {
                address = names_get(p->names, q->name, p->loop.now / 1000000000u);
                if (address != 0) {
                        set_number(a, address);
                        journal_tell_made(&p->journal, q->name, address, p->loop.now);
                } else {
                        a->code = DNS_SERVFAIL;
                        v = (struct verdict){ .reason = "too many names are in use" };
                }
        }
        if (!v.is_allowed && a->code == DNS_OK)
                a->code = DNS_NXDOMAIN;
        note(p, q->name, &v);
}

/* Returns the length of the answer; 0: there is none. */
static size_t answer(struct proxy *p, const uint8_t *data, size_t len, uint8_t *out)
{
        struct dns_question q;
        struct dns_answer a = { .ttl = NAMES_TTL };

        if (!dns_read(data, len, &q))
                return 0;
        a.code = q.code;
        if (a.code != DNS_OK)
                return dns_write(&q, &a, out);
        if (str_eq(q.name, "localhost") || str_has_suffix(q.name, ".localhost"))
                answer_localhost(&q, &a);
        else if (str_has_suffix(q.name, ".in-addr.arpa") || str_has_suffix(q.name, ".ip6.arpa"))
                answer_reverse(p, &q, &a);
        else
                answer_name(p, &q, &a);
        return dns_write(&q, &a, out);
}

void dns_serve_datagrams(struct proxy *p, int fd)
{
        uint8_t data[DNS_MAX_QUESTION];
        uint8_t out[DNS_MAX_ANSWER];

        for (int i = 0; i < AT_ONCE; i++) {
                struct sockaddr_storage from;
                socklen_t from_len = sizeof(from);
                ssize_t n = recvfrom(fd, data, sizeof(data), MSG_TRUNC, (struct sockaddr *)&from,
                                     &from_len);

                if (n < 0)
                        return;
                size_t len = n <= (ssize_t)sizeof(data) ? answer(p, data, (size_t)n, out) : 0;
                /* a client that has no room for it asks again */
                if (len > 0)
                        (void)!sendto(fd, out, len, MSG_DONTWAIT | MSG_NOSIGNAL,
                                      (struct sockaddr *)&from, from_len);
        }
}

/* ------ TCP ------ */

/* More clients than that at a time: the one who came first goes. */
#define MAX_CONNECTIONS 64

struct dns_conn {
        struct grave grave;
        struct link link;
        struct proxy *proxy;
        struct watch watch;
        struct timer timer;
        size_t len;
        uint8_t data[2 + DNS_MAX_QUESTION];
};

static void bury(struct grave *g)
{
        free(g);
}

static void end(struct dns_conn *c)
{
        queue_remove(&c->proxy->dns, &c->link);
        loop_stop_timer(&c->proxy->loop, &c->timer);
        loop_close(&c->proxy->loop, &c->watch);
        loop_bury(&c->proxy->loop, &c->grave);
}

static void timed_out(void *owner)
{
        end(owner);
}

/* Answers the first question of `data` if it is whole.  Returns 1, 0, or <0: the client must go. */
static int serve_first(struct dns_conn *c)
{
        size_t len = c->len >= 2 ? (size_t)(c->data[0] << 8 | c->data[1]) : 0;
        uint8_t out[2 + DNS_MAX_ANSWER];

        if (len > DNS_MAX_QUESTION)
                return -EMSGSIZE;
        if (c->len < 2 || c->len < 2 + len)
                return 0;
        size_t n = answer(c->proxy, c->data + 2, len, out + 2);
        if (n == 0)
                return -EINVAL;
        out[0] = (uint8_t)(n >> 8);
        out[1] = (uint8_t)n;
        /* who asks and does not read what is answered is not waited for */
        if (send(c->watch.fd, out, n + 2, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)n + 2)
                return -EAGAIN;
        c->len -= 2 + len;
        memmove(c->data, c->data + 2 + len, c->len);
        return 1;
}

static void conn_ready(struct watch *w, uint32_t events)
{
        struct dns_conn *c = w->owner;
        int r;

        (void)events;
        ssize_t n = recv(w->fd, c->data + c->len, sizeof(c->data) - c->len, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0) {
                end(c);
                return;
        }
        c->len += (size_t)n;
        while ((r = serve_first(c)) > 0)
                loop_set_timer(&c->proxy->loop, &c->timer, LOOP_DNS);
        if (r < 0)
                end(c);
}

void dns_serve_connection(struct proxy *p, int *fd)
{
        struct dns_conn *c = calloc(1, sizeof(*c));

        if (!c) {
                fd_close(fd);
                return;
        }
        c->grave.bury = bury;
        c->proxy = p;
        c->watch = (struct watch){ .fd = fd_take(fd), .ready = conn_ready, .owner = c };
        c->timer = (struct timer){ .ring = timed_out, .owner = c };
        c->link.owner = c;
        queue_add(&p->dns, &c->link);
        loop_set_timer(&p->loop, &c->timer, LOOP_DNS);
        if (loop_watch(&p->loop, &c->watch, EPOLLIN) < 0)
                end(c);
        else if (p->dns.n > MAX_CONNECTIONS)
                end(queue_first(&p->dns));
}

void dns_serve_done(struct proxy *p)
{
        while (p->dns.first)
                end(queue_first(&p->dns));
}
