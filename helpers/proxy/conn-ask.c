/* What CONNECT and SOCKS clients say before they are connected. */

#include "conn.h"
#include "http.h"
#include "socks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void consume(struct conn *c, size_t n)
{
        c->buffer_len -= n;
        memmove(c->buffer, c->buffer + n, c->buffer_len);
}

/* Returns whether it has said all there is to say; it may be over. */
static bool ask_http(struct conn *c)
{
        struct http_request request;
        struct err e = { 0 };
        int r = http_read(c->buffer, c->buffer_len, &request, &e);

        if (r < 0)
                conn_reject(c, e.text);
        if (r <= 0)
                return false;
        c->target = request.target;
        c->is_plain = !request.is_connect;
        if (!c->is_plain) {
                consume(c, request.head_len);
                return true;
        }
        /* its head goes on in our words, and what came behind it as it is */
        char *head = malloc(HTTP_MAX_HEAD + 512 + c->buffer_len);
        if (!head) {
                conn_reject(c, "out of memory");
                return false;
        }
        size_t len = http_rewrite(c->buffer, &request, head);
        consume(c, request.head_len);
        memcpy(head + len, c->buffer, c->buffer_len);
        flow_set_head(&c->out, head, len + c->buffer_len);
        c->out.bytes += len + c->buffer_len;
        c->buffer_len = 0;
        return true;
}

static bool greet(struct conn *c)
{
        struct err e = { 0 };
        uint8_t answer[2] = { 5 };
        size_t len;
        int r = socks_read_greeting((const uint8_t *)c->buffer, c->buffer_len, &answer[1], &len,
                                    &e);

        if (r < 0)
                conn_reject(c, e.text);
        if (r <= 0)
                return false;
        consume(c, len);
        if (send(c->client.fd, answer, sizeof(answer), MSG_NOSIGNAL) != sizeof(answer) ||
            answer[1] != 0) {
                conn_hang_up(c);
                return false;
        }
        c->has_greeted = true;
        return true;
}

static bool ask_socks(struct conn *c)
{
        enum socks_reply reply;
        struct err e = { 0 };
        size_t len;

        if (!c->has_greeted && !greet(c))
                return false;
        int r = socks_read_request((const uint8_t *)c->buffer, c->buffer_len, &c->target, &reply,
                                   &len, &e);
        if (r < 0)
                conn_reject(c, e.text);
        else if (r > 0 && reply != SOCKS_OK)
                conn_reject_socks(c, reply);
        if (r <= 0 || reply != SOCKS_OK)
                return false;
        consume(c, len);
        return true;
}

void conn_ask_ready(struct conn *c)
{
        if (!c->buffer)
                c->buffer = malloc(HTTP_MAX_HEAD);
        if (!c->buffer) {
                conn_reject(c, "out of memory");
                return;
        }
        ssize_t n = recv(c->client.fd, c->buffer + c->buffer_len, HTTP_MAX_HEAD - c->buffer_len, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0) {
                conn_reset(c, "the client went away");
                return;
        }
        c->buffer_len += (size_t)n;
        bool is_whole = c->listener->kind == LISTENER_SOCKS ? ask_socks(c) : ask_http(c);
        if (is_whole)
                conn_seek(c);
}
