#include "fd.h"
#include "io.h"
#include "mem.h"
#include "serve-inner.h"
#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

/*
 * The bytes of a detached sandbox.  A descriptor with which there is nothing to do now is taken out
 * of the set: its hang-up would be told of again and again.
 */

int serve_watch_sources(struct serve *s, struct err *e)
{
        struct capture *c = s->capture;

        for (size_t i = 0; i < BOX_STREAM_COUNT; i++) {
                if (c->sources[i] >= 0 &&
                    serve_watch(s, c->sources[i], SERVE_OUTPUT, i, EPOLLIN, e) < 0)
                        return -e->code;
        }
        s->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (s->timer < 0)
                return err_sys(e, "cannot make a timer");
        return serve_watch(s, s->timer, SERVE_TIMER, 0, EPOLLIN, e);
}

static bool is_waiting(const struct serve_client *c)
{
        return c->out && (c->out[0].len > 0 || c->out[1].len > 0);
}

static void arm(struct serve *s)
{
        struct itimerspec when = { .it_value = { .tv_sec = SERVE_PATIENCE_NS / 1000000000u,
                                                 .tv_nsec = SERVE_PATIENCE_NS % 1000000000u } };

        timerfd_settime(s->timer, 0, &when, NULL);
}

/* Nothing is read from the payload until all have taken what there is. */
static void hold(struct serve *s)
{
        if (s->is_held)
                return;
        s->is_held = true;
        for (size_t i = 0; i < BOX_STREAM_COUNT; i++)
                serve_unwatch(s, s->capture->sources[i]);
        arm(s);
}

void serve_go_on(struct serve *s)
{
        struct err unused = { 0 };

        for (size_t i = 0; i < SERVE_MAX_CLIENTS; i++) {
                if (is_waiting(&s->clients[i]))
                        return;
        }
        if (!s->is_held)
                return;
        s->is_held = false;
        for (size_t i = 0; i < BOX_STREAM_COUNT; i++) {
                /* what cannot be waited for is read at the end */
                if (s->capture->sources[i] >= 0)
                        serve_watch(s, s->capture->sources[i], SERVE_OUTPUT, i, EPOLLIN, &unused);
        }
}

/* Writes what is left; false: nobody takes it any more. */
static bool drain(struct serve_client *c, struct serve_out *out)
{
        while (out->len > 0) {
                ssize_t n = write(out->fd, out->data + out->at, out->len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return errno == EAGAIN;
                out->at += (size_t)n;
                out->len -= (size_t)n;
                c->since = io_now();
        }
        return true;
}

void serve_push(struct serve *s, struct serve_client *c)
{
        if (c->kind != SERVE_ATTACHED)
                return;
        for (int i = 0; i < 2; i++) {
                if (!drain(c, &c->out[i])) {
                        serve_drop(s, c);
                        return;
                }
                if (c->out[i].len == 0)
                        serve_unwatch(s, c->out[i].fd);
        }
        serve_go_on(s);
}

void serve_drop_slow(struct serve *s)
{
        uint64_t now = io_now();
        uint64_t expirations;
        struct err slow = { 0 };

        if (read(s->timer, &expirations, sizeof(expirations)) < 0)
                return;
        err_set(&slow, ETIMEDOUT,
                "the output was not taken in time; kelp logs has it, or the end of it");
        for (size_t i = 0; i < SERVE_MAX_CLIENTS; i++) {
                struct serve_client *c = &s->clients[i];

                if (!is_waiting(c) || now - c->since < SERVE_PATIENCE_NS)
                        continue;
                control_refuse(c->sock, &slow);
                serve_drop(s, c);
        }
        if (s->is_held)
                arm(s);
}

static void forward(struct serve *s, size_t at, enum box_stream stream, const char *data,
                    size_t len)
{
        struct serve_client *c = &s->clients[at];
        struct serve_out *out = &c->out[stream == BOX_STDOUT ? 0 : 1];
        struct err unused = { 0 };

        memcpy(out->data, data, len);
        out->at = 0;
        out->len = len;
        c->since = io_now();
        if (!drain(c, out) ||
            (out->len > 0 && serve_watch(s, out->fd, SERVE_OUT, at, EPOLLOUT, &unused) < 0))
                serve_drop(s, c);
        else if (out->len > 0)
                hold(s);
}

/* False: there was nothing to read now. */
static bool move_output(struct serve *s, enum box_stream stream)
{
        int *source = &s->capture->sources[stream];
        char data[CAPTURE_CHUNK];
        ssize_t n = *source < 0 ? 0 : io_read(*source, data, sizeof(data));

        if (n < 0 && errno == EAGAIN)
                return false;
        if (n <= 0) {
                serve_close(s, source);
                return false;
        }
        box_log_write(&s->capture->log, stream, data, (size_t)n);
        for (size_t i = 0; stream != BOX_KELP && i < SERVE_MAX_CLIENTS; i++) {
                if (s->clients[i].kind == SERVE_ATTACHED)
                        forward(s, i, stream, data, (size_t)n);
        }
        return true;
}

void serve_take_output(struct serve *s, enum box_stream stream)
{
        /* an event of the same turn may have held it up */
        if (!s->is_held)
                move_output(s, stream);
}

/* Nobody is listened to any more; who asked something finds the answer in the status. */
static void pass_over(struct serve *s, struct serve_client *c)
{
        struct control_request r = CONTROL_REQUEST_NONE;

        if (control_take(c->sock, &r) != 1 || c->kind == SERVE_ASKS)
                serve_drop(s, c);
        control_request_done(&r);
}

static void await_clients(struct serve *s)
{
        while (s->is_held) {
                struct epoll_event event;

                if (epoll_wait(s->epoll, &event, 1, -1) <= 0)
                        continue;
                if (event.data.u64 >> 32 == SERVE_OUT)
                        serve_push(s, &s->clients[event.data.u64 & UINT32_MAX]);
                else if (event.data.u64 >> 32 == SERVE_TIMER)
                        serve_drop_slow(s);
                else if (event.data.u64 >> 32 == SERVE_SOCK)
                        pass_over(s, &s->clients[event.data.u64 & UINT32_MAX]);
                else if (event.data.u64 >> 32 == SERVE_LISTENER)
                        serve_close(s, &s->listener);
        }
}

void serve_drain(struct serve *s)
{
        if (!s->capture)
                return;
        for (size_t i = 0; i < SERVE_MAX_CLIENTS; i++)
                serve_close(s, &s->clients[i].in);
        serve_close(s, &s->capture->input);
        await_clients(s);
        for (size_t i = 0; i < BOX_STREAM_COUNT; i++) {
                while (move_output(s, (enum box_stream)i))
                        await_clients(s);
        }
}

int serve_take_last(struct serve *s, struct err *e)
{
        if (!s->capture)
                return 0;
        serve_drain(s);
        serve_unwatch(s, s->capture->sources[BOX_KELP]);
        return capture_keep_said(s->capture, e);
}

static int watch_attached(struct serve *s, struct serve_client *c, struct err *e)
{
        const int fds[] = { c->in, c->out[0].fd, c->out[1].fd };

        for (size_t i = 0; i < 3; i++) {
                int flags = fcntl(fds[i], F_GETFL);

                if (flags < 0 || fcntl(fds[i], F_SETFL, flags | O_NONBLOCK) < 0)
                        return err_sys(e, "cannot use the descriptors that were sent");
        }
        if (s->capture->input < 0 || s->is_fed)
                return 0;
        return serve_watch(s, c->in, SERVE_IN, (size_t)(c - s->clients), EPOLLIN, e);
}

bool serve_attach(struct serve *s, struct supervisor *v, struct serve_client *c,
                  struct control_request *r)
{
        struct err e = { 0 };

        if (!s->capture)
                return serve_refuse(c, EINVAL, "it runs in the foreground, where it was started");
        if (r->n_fds != 3)
                return serve_refuse(c, EINVAL, "attaching needs three descriptors");
        c->out = mem_alloc(2 * sizeof(*c->out), &e);
        if (!c->out)
                return control_refuse(c->sock, &e);
        c->kind = SERVE_ATTACHED;
        c->in = fd_take(&r->fds[0]);
        c->out[0].fd = fd_take(&r->fds[1]);
        c->out[1].fd = fd_take(&r->fds[2]);
        if (watch_attached(s, c, &e) < 0) {
                control_refuse(c->sock, &e);
                return false;
        }
        return control_answer(c->sock, CONTROL_DONE,
                              (v->run->pty_master >= 0 ? CONTROL_HAS_TTY : 0) |
                                      (s->capture->input >= 0 ? CONTROL_HAS_INPUT : 0));
}

bool serve_resize(struct serve *s, struct supervisor *v, int32_t size)
{
        struct winsize now = { .ws_row = (unsigned short)((uint32_t)size >> 16),
                               .ws_col = (unsigned short)((uint32_t)size & 0xffff) };

        (void)s;
        /* the kernel tells the payload, but only of a size that is new */
        if (v->run->pty_master >= 0)
                ioctl(v->run->pty_master, TIOCSWINSZ, &now);
        return true;
}

/* All read on when the payload has taken what was typed. */
static void feed(struct serve *s, bool is_full)
{
        struct err unused = { 0 };

        if (s->is_fed == is_full)
                return;
        s->is_fed = is_full;
        if (is_full)
                serve_watch(s, s->capture->input, SERVE_STDIN, 0, EPOLLOUT, &unused);
        else
                serve_unwatch(s, s->capture->input);
        for (size_t i = 0; i < SERVE_MAX_CLIENTS; i++) {
                if (s->clients[i].in < 0)
                        continue;
                if (is_full)
                        serve_unwatch(s, s->clients[i].in);
                else
                        serve_watch(s, s->clients[i].in, SERVE_IN, i, EPOLLIN, &unused);
        }
}

void serve_push_input(struct serve *s)
{
        struct capture *c = s->capture;

        while (c->at < c->len) {
                ssize_t n = write(c->input, c->typed + c->at, c->len - c->at);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN) {
                        feed(s, true);
                        return;
                }
                if (n < 0) {
                        /* the payload reads no more */
                        c->at = c->len;
                        break;
                }
                c->at += (size_t)n;
        }
        feed(s, false);
}

void serve_take_input(struct serve *s, struct serve_client *c)
{
        struct capture *capture = s->capture;

        if (c->in < 0 || s->is_fed || capture->input < 0)
                return;
        ssize_t n = read(c->in, capture->typed, sizeof(capture->typed));
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0) {
                serve_close(s, &c->in);
                if (c->ends_input)
                        serve_close(s, &capture->input);
                return;
        }
        capture->at = 0;
        capture->len = (size_t)n;
        serve_push_input(s);
}

/* The end of `in` alone is that of the client; this says that it is the end of what is typed, too. */
bool serve_end_input(struct serve *s, struct serve_client *c)
{
        c->ends_input = true;
        if (c->in < 0)
                serve_close(s, &s->capture->input);
        return true;
}
