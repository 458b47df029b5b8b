#include "serve.h"

#include "fd.h"
#include "io.h"
#include "mem.h"
#include "serve-inner.h"
#include "supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Connections and requests; serve-streams.c moves the bytes. */

/* Connections in a turn: whoever opens more does not keep the supervisor from the rest. */
#define ACCEPT_AT_ONCE 16
#define EVENTS_AT_ONCE 16

/* Between a connection and its request there is nothing to wait for. */
#define LAST_WORD_MS 100

struct serve *serve_new(int box_dir, struct capture *capture, struct err *e)
{
        struct serve *s = mem_alloc(sizeof(*s), e);

        if (!s)
                return NULL;
        s->listener = s->timer = -1;
        s->capture = capture;
        for (size_t i = 0; i < SERVE_MAX_CLIENTS; i++)
                s->clients[i] = (struct serve_client){ .sock = -1, .in = -1 };
        s->epoll = epoll_create1(EPOLL_CLOEXEC);
        if (s->epoll < 0)
                err_sys(e, "cannot make an epoll set");
        else if ((s->listener = control_listen(box_dir, e)) >= 0 &&
                 serve_watch(s, s->listener, SERVE_LISTENER, 0, EPOLLIN, e) == 0 &&
                 (!capture || serve_watch_sources(s, e) == 0))
                return s;
        serve_free(&s);
        return NULL;
}

void serve_free(struct serve **s)
{
        if (!*s)
                return;
        for (size_t i = 0; i < SERVE_MAX_CLIENTS; i++)
                serve_drop(*s, &(*s)->clients[i]);
        fd_close(&(*s)->listener);
        fd_close(&(*s)->timer);
        fd_close(&(*s)->epoll);
        mem_free_at(s);
        *s = NULL;
}

int serve_watch(struct serve *s, int fd, enum serve_source source, size_t at, uint32_t events,
                struct err *e)
{
        struct epoll_event event = { .events = events,
                                     .data.u64 = (uint64_t)source << 32 | (uint64_t)at };

        if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
                return err_sys(e, "cannot wait for a descriptor");
        return 0;
}

void serve_unwatch(struct serve *s, int fd)
{
        if (fd >= 0)
                epoll_ctl(s->epoll, EPOLL_CTL_DEL, fd, NULL);
}

/* Others may have the same open file: the set would go on telling of it. */
void serve_close(struct serve *s, int *fd)
{
        serve_unwatch(s, *fd);
        fd_close(fd);
}

void serve_drop(struct serve *s, struct serve_client *c)
{
        bool was_attached = c->out != NULL;

        serve_close(s, &c->sock);
        serve_close(s, &c->in);
        for (int i = 0; c->out && i < 2; i++)
                serve_close(s, &c->out[i].fd);
        mem_free_at(&c->out);
        *c = (struct serve_client){ .sock = -1, .in = -1 };
        if (was_attached)
                serve_go_on(s);
}

static void accept_some(struct serve *s)
{
        struct err unused = { 0 };

        for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
                size_t at = 0;
                int sock = control_accept(s->listener);

                if (sock < 0)
                        return;
                while (at < SERVE_MAX_CLIENTS && s->clients[at].kind != SERVE_NOBODY)
                        at++;
                if (at == SERVE_MAX_CLIENTS ||
                    serve_watch(s, sock, SERVE_SOCK, at, EPOLLIN, &unused) < 0) {
                        struct err busy = { 0 };

                        err_set(&busy, EBUSY, "too many ask the supervisor of the sandbox at once");
                        control_refuse(sock, &busy);
                        close(sock);
                        continue;
                }
                s->clients[at] =
                        (struct serve_client){ .kind = SERVE_ASKS, .sock = sock, .in = -1 };
        }
}

bool serve_refuse(const struct serve_client *c, int code, const char *why)
{
        struct err e = { 0 };

        err_set(&e, code, "%s", why);
        return control_refuse(c->sock, &e);
}

static bool on_signal(struct supervisor *v, const struct serve_client *c, int number)
{
        if (number < 1 || number > 64)
                return serve_refuse(c, EINVAL, "there is no such signal");
        /* what is stopped, or is about to be, cannot pass it on */
        if (number == SIGKILL)
                supervisor_kill_box(v);
        else
                supervisor_send_signal(v, number);
        return control_answer(c->sock, CONTROL_DONE, 0);
}

static bool on_stop(struct supervisor *v, struct serve_client *c, int seconds)
{
        struct err e = { 0 };

        if (supervisor_stop(v, seconds, &e) < 0)
                return control_refuse(c->sock, &e);
        c->kind = SERVE_WAITS;
        return true;
}

/* The connection is the joiner's from then on. */
static void on_exec(struct supervisor *v, const struct serve_client *c, struct control_request *r)
{
        struct control_request of_joiner = *r;
        struct err e = { 0 };

        if (supervisor_is_over(v)) {
                serve_refuse(c, ESRCH, "the sandbox has ended");
                return;
        }
        of_joiner.sock = c->sock;
        if (enter_start(&v->entered, v->launch, v->run, &of_joiner, &e) < 0)
                control_refuse(c->sock, &e);
}

/* Whether the client stays. */
static bool on_request(struct serve *s, struct supervisor *v, struct serve_client *c,
                       struct control_request *r)
{
        if (c->kind == SERVE_ATTACHED && r->msg.type == CONTROL_SIZE)
                return serve_resize(s, v, r->msg.value);
        if (c->kind == SERVE_ATTACHED && r->msg.type == CONTROL_END_INPUT)
                return serve_end_input(s, c);
        if (c->kind != SERVE_ASKS)
                return false;
        switch (r->msg.type) {
        case CONTROL_SIGNAL:
                return on_signal(v, c, r->msg.value);
        case CONTROL_STOP:
                return on_stop(v, c, r->msg.value);
        case CONTROL_WAIT:
                c->kind = SERVE_WAITS;
                return true;
        case CONTROL_ATTACH:
                return serve_attach(s, v, c, r);
        case CONTROL_EXEC:
                on_exec(v, c, r);
                return false;
        default:
                return serve_refuse(c, EOPNOTSUPP,
                                    "the supervisor of the sandbox knows no such request");
        }
}

static void on_message(struct serve *s, struct supervisor *v, struct serve_client *c)
{
        struct control_request r = { .sock = -1 };
        int taken = control_take(c->sock, &r);

        if (taken == 0)
                return;
        if (taken < 0 || !on_request(s, v, c, &r))
                serve_drop(s, c);
        control_request_done(&r);
}

static void on_event(struct serve *s, struct supervisor *v, uint64_t data)
{
        size_t at = (size_t)(data & UINT32_MAX);

        switch ((enum serve_source)(data >> 32)) {
        case SERVE_LISTENER:
                accept_some(s);
                return;
        case SERVE_SOCK:
                /* it may have been dropped by an event before this one */
                if (s->clients[at].kind != SERVE_NOBODY)
                        on_message(s, v, &s->clients[at]);
                return;
        case SERVE_IN:
                serve_take_input(s, &s->clients[at]);
                return;
        case SERVE_OUT:
                serve_push(s, &s->clients[at]);
                return;
        case SERVE_OUTPUT:
                serve_take_output(s, (enum box_stream)at);
                return;
        case SERVE_STDIN:
                serve_push_input(s);
                return;
        case SERVE_TIMER:
                serve_drop_slow(s);
                return;
        }
}

void serve_turn(struct serve *s, struct supervisor *v)
{
        struct epoll_event events[EVENTS_AT_ONCE];
        int n = epoll_wait(s->epoll, events, EVENTS_AT_ONCE, 0);

        for (int i = 0; i < n; i++)
                on_event(s, v, events[i].data.u64);
}

void serve_hear(struct serve *s, struct supervisor *v)
{
        accept_some(s);
        serve_turn(s, v);
}

void serve_hear_last(struct serve *s)
{
        if (s->listener < 0)
                return;
        accept_some(s);
        serve_close(s, &s->listener);
}

/* Whoever has connected before the end says what for at once, and is told like the others. */
static void hear_last(struct serve *s)
{
        serve_hear_last(s);
        for (size_t i = 0; i < SERVE_MAX_CLIENTS; i++) {
                struct serve_client *c = &s->clients[i];
                struct control_request r = CONTROL_REQUEST_NONE;
                struct pollfd fd = { .fd = c->sock, .events = POLLIN };

                if (c->kind == SERVE_ASKS && poll(&fd, 1, LAST_WORD_MS) > 0 &&
                    control_take(c->sock, &r) == 1 && r.msg.type != CONTROL_SIGNAL)
                        c->kind = SERVE_WAITS;
                control_request_done(&r);
        }
}

void serve_tell_end(struct serve *s, int exit_code)
{
        hear_last(s);
        for (size_t i = 0; i < SERVE_MAX_CLIENTS; i++) {
                struct serve_client *c = &s->clients[i];

                if (c->kind == SERVE_WAITS || c->kind == SERVE_ATTACHED)
                        control_answer(c->sock, CONTROL_EXITED, exit_code);
        }
}
