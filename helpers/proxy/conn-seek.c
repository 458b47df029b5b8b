/*
 * From a target to a connection.  The order is what matters here: the name is judged, then
 * resolved, then every address is judged, and what is dialled is one of those very addresses.
 */

#include "conn.h"
#include "fd.h"
#include "http.h"
#include "net-special.h"
#include "no-proxy.h"
#include "str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static void tell_allowed(struct conn *c, const char *reason)
{
        char host[NET_RULE_MAX_NAME + 1];
        const struct journal_entry entry = {
                .host = target_print_host(&c->target, host),
                .port = c->target.port,
                .verdict = JOURNAL_ALLOWED,
                .reason = reason,
        };

        if (c->listener->kind != LISTENER_FORWARD)
                journal_tell(&c->proxy->journal, &entry);
}

/* ------ connected ------ */

static void beg(struct conn *c)
{
        const struct config *config = &c->proxy->config;
        char text[2048];
        size_t len = http_print_connect(&c->target, config->upstream_login, text);
        ssize_t n = send(c->server.fd, text, len, MSG_NOSIGNAL);

        explicit_bzero(text, sizeof(text));
        if (n != (ssize_t)len ||
            loop_watch(&c->proxy->loop, &c->server, EPOLLIN | EPOLLRDHUP) < 0) {
                conn_fail(c, EIO, "the proxy of this host does not listen");
                return;
        }
        conn_set_stage(c, CONN_BEGS);
}

/* Reads the answer byte by byte behind what is looked at: what follows its head is the server's. */
void conn_beg_ready(struct conn *c, uint32_t events)
{
        char head[HTTP_MAX_HEAD];
        char reason[64];
        struct err e = { 0 };
        size_t head_len = 0;
        ssize_t n = recv(c->server.fd, head, sizeof(head), MSG_PEEK);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        int status = n > 0 ? http_read_answer(head, (size_t)n, &head_len, &e) : 0;
        /* what was looked at is there again: an end behind a piece of a head is not seen by it */
        if (status == 0 && (n <= 0 || (events & EPOLLRDHUP))) {
                conn_fail(c, ECONNRESET, "the proxy of this host has hung up");
                return;
        }
        if (status < 0) {
                conn_fail(c, EPROTO, "the proxy of this host does not speak HTTP");
                return;
        }
        if (status == 0) {
                /* one byte more must be there before it is looked at again */
                int least = (int)n + 1;

                setsockopt(c->server.fd, SOL_SOCKET, SO_RCVLOWAT, &least, sizeof(least));
                return;
        }
        if (status < 200 || status > 299) {
                snprintf(reason, sizeof(reason), "the proxy of this host says %d", status);
                conn_fail(c, status == 403 || status == 407 ? EACCES : EHOSTUNREACH, reason);
                return;
        }
        int least = 1;
        setsockopt(c->server.fd, SOL_SOCKET, SO_RCVLOWAT, &least, sizeof(least));
        if (recv(c->server.fd, head, head_len, 0) != (ssize_t)head_len) {
                conn_fail(c, EIO, "the proxy of this host has hung up");
                return;
        }
        conn_relay(c);
}

static void dialled(void *owner, int fd, const struct address *a, int error)
{
        struct conn *c = owner;

        c->dial = NULL;
        if (fd < 0) {
                conn_fail(c, error, err_name(error));
                return;
        }
        c->server.fd = fd;
        if (!c->goes_upstream)
                c->address = *a;
        if (c->goes_upstream)
                beg(c);
        else
                conn_relay(c);
}

static void dial(struct conn *c, const struct address *addresses, size_t n, uint16_t port)
{
        int error = 0;

        c->dial = dial_start(&c->proxy->loop, addresses, n, port, dialled, c, &error);
        if (!c->dial)
                conn_fail(c, error, err_name(error));
}

/* ------ the proxy of this host ------ */

/*
 * There it would be the other machine, or this one where that proxy runs here: it is resolved and
 * judged like any other name that leads to a loopback address.  Source: RFC 6761, section 6.3.
 */
static bool is_localhost(const char *name)
{
        return str_eq(name, "localhost") || str_has_suffix(name, ".localhost");
}

static bool wants_upstream(const struct conn *c)
{
        const struct config *config = &c->proxy->config;
        const struct address *a = &c->target.address;
        char host[NET_RULE_MAX_NAME + 1];

        if (!config->upstream || c->listener->kind == LISTENER_FORWARD ||
            is_localhost(c->target.name))
                return false;
        /* what is special is near, and was allowed by its address */
        if (c->target.name[0] == '\0' && net_special_find(a->family, a->bytes, 0))
                return false;
        return !config->no_proxy ||
               !no_proxy_has(config->no_proxy, target_print_host(&c->target, host));
}

static void upstream_resolved(void *owner, const struct address *addresses, size_t n,
                              const char *error)
{
        struct conn *c = owner;
        char reason[256];

        c->lookup = NULL;
        if (n == 0) {
                snprintf(reason, sizeof(reason), "the proxy of this host: %s", error);
                conn_fail(c, EHOSTUNREACH, reason);
                return;
        }
        dial(c, addresses, n, c->proxy->config.upstream_port);
}

/* It is this host's own choice, so no rule is asked. */
static void go_upstream(struct conn *c)
{
        const struct config *config = &c->proxy->config;
        struct address a;

        c->goes_upstream = true;
        if (address_parse(config->upstream, &a))
                dial(c, &a, 1, config->upstream_port);
        else
                resolver_ask(c->proxy->resolver, config->upstream, upstream_resolved, c,
                             &c->lookup);
}

/* ------ judged ------ */

static struct verdict judge(const struct conn *c, const struct address *a)
{
        const struct config *config = &c->proxy->config;
        bool is_named = c->target.name[0] != '\0';

        return judge_address(config->rules, config->n_rules, a, c->target.port, is_named,
                             dial_is_own(a));
}

static void resolved(void *owner, const struct address *addresses, size_t n, const char *error)
{
        struct conn *c = owner;
        struct address good[RESOLVER_MAX_ADDRESSES];
        struct verdict refused = { 0 };
        size_t n_good = 0;

        c->lookup = NULL;
        if (n == 0) {
                conn_fail(c, EHOSTUNREACH, error);
                return;
        }
        for (size_t i = 0; i < n; i++) {
                struct verdict v = judge(c, &addresses[i]);

                if (v.is_allowed) {
                        good[n_good++] = addresses[i];
                } else {
                        refused = v;
                        c->address = addresses[i];
                }
        }
        if (n_good == 0) {
                conn_refuse(c, refused.reason);
                return;
        }
        c->address = good[0];
        dial(c, good, n_good, c->target.port);
}

/* Returns whether it is allowed, and from here: otherwise it is refused, or the host's proxy has it. */
static bool go_by_verdict(struct conn *c, const struct verdict *v)
{
        if (!v->is_allowed) {
                conn_refuse(c, v->reason);
                return false;
        }
        tell_allowed(c, v->reason);
        if (!wants_upstream(c))
                return true;
        go_upstream(c);
        return false;
}

static void seek_name(struct conn *c)
{
        const struct config *config = &c->proxy->config;
        struct verdict v =
                judge_name(config->rules, config->n_rules, c->target.name, c->target.port);

        if (go_by_verdict(c, &v))
                resolver_ask(c->proxy->resolver, c->target.name, resolved, c, &c->lookup);
}

static void seek_address(struct conn *c)
{
        struct verdict v = judge(c, &c->target.address);

        c->address = c->target.address;
        if (go_by_verdict(c, &v))
                dial(c, &c->target.address, 1, c->target.port);
}

static uint32_t as_number(const struct address *a)
{
        return (uint32_t)a->bytes[0] << 24 | (uint32_t)a->bytes[1] << 16 |
               (uint32_t)a->bytes[2] << 8 | a->bytes[3];
}

/* A made-up address is the name that it stands for, also when a client sends it on. */
static bool unmask(struct conn *c)
{
        struct names *names = c->proxy->names;
        struct address *a = &c->target.address;

        if (c->target.name[0] != '\0' || a->family != AF_INET || !names_has(names, as_number(a)))
                return true;
        const char *name = names_find(names, as_number(a));
        if (!name)
                return false;
        c->fake = as_number(a);
        names_hold(names, c->fake);
        snprintf(c->target.name, sizeof(c->target.name), "%s", name);
        return true;
}

void conn_seek(struct conn *c)
{
        struct proxy *p = c->proxy;

        conn_set_stage(c, CONN_SEEKS);
        loop_set_timer(&p->loop, &c->timer, LOOP_CONNECT);
        if (c->client.events != 0 && loop_watch(&p->loop, &c->client, 0) < 0) {
                conn_reset(c, "out of memory");
                return;
        }
        if (c->listener->kind == LISTENER_FORWARD)
                dial(c, c->listener->address, c->listener->n_addresses, c->target.port);
        else if (!unmask(c))
                conn_refuse(c, "this address stands for no name");
        else if (c->target.name[0] != '\0')
                seek_name(c);
        else
                seek_address(c);
}
