#include "talk.h"

#include "fd.h"
#include "io.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A message without an error is its head alone: half a page less to copy for each. */
#define HEAD_SIZE offsetof(struct talk_msg, err)

int talk_send(int sock, enum talk_type type, int value, int fd, struct err *e)
{
        struct talk_msg msg = { .type = type, .value = value };

        return io_send(sock, &msg, HEAD_SIZE, &fd, fd >= 0, e);
}

void talk_send_failed(int sock, const struct err *why)
{
        struct talk_msg msg = { .type = TALK_FAILED, .err = *why };
        struct err unused = { 0 };

        io_send(sock, &msg, sizeof(msg), NULL, 0, &unused);
}

static void send_text(int sock, enum talk_type type, const char *text)
{
        struct talk_msg msg = { .type = type };
        struct err unused = { 0 };

        snprintf(msg.err.text, sizeof(msg.err.text), "%s", text);
        io_send(sock, &msg, sizeof(msg), NULL, 0, &unused);
}

void talk_send_notice(int sock, const char *text)
{
        send_text(sock, TALK_NOTICE, text);
}

void talk_send_debug(int sock, const char *text)
{
        send_text(sock, TALK_DEBUG, text);
}

static bool is_text(const struct talk_msg *msg)
{
        return msg->type == TALK_NOTICE || msg->type == TALK_DEBUG;
}

static int receive_one(int sock, struct talk_msg *msg, int *fd, struct err *e)
{
        size_t n_fds = 0;
        ssize_t n = io_receive(sock, msg, sizeof(*msg), fd, 1, &n_fds, e);

        /* the peer ended with a message of ours unread, and what it said last lies behind that */
        if (n < 0 && e->code == ECONNRESET) {
                *e = (struct err){ 0 };
                n = io_receive(sock, msg, sizeof(*msg), fd, 1, &n_fds, e);
        }
        if (n <= 0)
                return (int)n;
        if (n_fds == 0)
                *fd = -1;
        bool is_long = n >= (ssize_t)HEAD_SIZE && (msg->type == TALK_FAILED || is_text(msg));
        if ((size_t)n != (is_long ? sizeof(*msg) : HEAD_SIZE)) {
                fd_close(fd);
                return err_set(e, EPROTO, "a message of %zd bytes in the launch", n);
        }
        msg->err.text[sizeof(msg->err.text) - 1] = '\0';
        return 1;
}

static void pass_on(const struct notice *notice, const struct talk_msg *msg)
{
        if (msg->type == TALK_NOTICE)
                notice_say(notice, "%s", msg->err.text);
        else if (msg->type == TALK_DEBUG)
                notice_debug(notice, "%s", msg->err.text);
}

int talk_receive(int sock, const struct notice *notice, struct talk_msg *ret, int *ret_fd,
                 struct err *e)
{
        struct talk_msg msg;
        autofd fd = -1;
        int r;

        do {
                fd_close(&fd);
                msg = (struct talk_msg){ 0 };
                r = receive_one(sock, &msg, &fd, e);
                if (r > 0 && notice)
                        pass_on(notice, &msg);
        } while (r > 0 && is_text(&msg));
        if (r > 0) {
                *ret = msg;
                *ret_fd = fd_take(&fd);
        }
        return r;
}

/* A message that is neither FAILED nor the end. */
static int take(int sock, const char *peer, const struct notice *notice, struct talk_msg *ret,
                int *ret_fd, struct err *e)
{
        int r = talk_receive(sock, notice, ret, ret_fd, e);

        if (r < 0)
                return -e->code;
        if (r == 0)
                return err_set(e, EPIPE, "%s ended before it was done", peer);
        if (ret->type != TALK_FAILED)
                return 0;
        *e = ret->err;
        if (e->code <= 0)
                e->code = EPROTO;
        return -e->code;
}

static int refuse(const struct talk_msg *msg, enum talk_type type, const char *peer, struct err *e)
{
        return err_set(e, EPROTO, "%s sent message %u, not %u", peer, msg->type, (unsigned)type);
}

int talk_await_or(int sock, enum talk_type type, enum talk_type other, const char *peer,
                  const struct notice *notice, int *ret_value, struct err *e)
{
        struct talk_msg msg;
        autofd fd = -1;

        if (take(sock, peer, notice, &msg, &fd, e) < 0)
                return -e->code;
        if (fd >= 0 || (msg.type != type && msg.type != other))
                return refuse(&msg, type, peer, e);
        *ret_value = msg.value;
        return msg.type == other;
}

int talk_await(int sock, enum talk_type type, const char *peer, const struct notice *notice,
               int *ret_value, int *ret_fd, struct err *e)
{
        struct talk_msg msg;
        autofd fd = -1;

        if (take(sock, peer, notice, &msg, &fd, e) < 0)
                return -e->code;
        if (msg.type != type || (fd >= 0) != (ret_fd != NULL))
                return refuse(&msg, type, peer, e);
        if (ret_value)
                *ret_value = msg.value;
        if (ret_fd)
                *ret_fd = fd_take(&fd);
        return 0;
}
