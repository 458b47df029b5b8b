#include "loop.h"

#include "fd.h"
#include "io.h"

#include <errno.h>
#include <sys/epoll.h>

#define MS      1000000ull
#define N_READY 128

static const uint64_t delays[] = {
        [LOOP_STAGGER] = 250 * MS,     [LOOP_PAUSE] = 100 * MS,     [LOOP_DNS] = 5000 * MS,
        [LOOP_HANDSHAKE] = 10000 * MS, [LOOP_CONNECT] = 30000 * MS,
};

_Static_assert(sizeof(delays) / sizeof(delays[0]) == LOOP_N_DELAYS, "a delay for each");

int loop_make(struct loop *loop, struct err *e)
{
        *loop = (struct loop){ .epoll = epoll_create1(EPOLL_CLOEXEC), .now = io_now() };
        return loop->epoll < 0 ? err_sys(e, "cannot make an epoll instance") : 0;
}

int loop_watch(struct loop *loop, struct watch *w, uint32_t events)
{
        struct epoll_event event = { .events = events, .data.ptr = w };

        if (w->is_known && w->events == events)
                return 0;
        if (epoll_ctl(loop->epoll, w->is_known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, w->fd, &event) < 0)
                return -errno;
        w->is_known = true;
        w->events = events;
        return 0;
}

void loop_forget(struct loop *loop, struct watch *w)
{
        if (w->is_known)
                epoll_ctl(loop->epoll, EPOLL_CTL_DEL, w->fd, NULL);
        w->is_known = false;
        w->events = 0;
}

void loop_close(struct loop *loop, struct watch *w)
{
        loop_forget(loop, w);
        fd_close(&w->fd);
}

void loop_stop_timer(struct loop *loop, struct timer *t)
{
        if (t->due == 0)
                return;
        queue_remove(&loop->timers[t->delay], &t->link);
        t->due = 0;
}

void loop_set_timer(struct loop *loop, struct timer *t, enum loop_delay delay)
{
        loop_stop_timer(loop, t);
        t->due = loop->now + delays[delay];
        t->delay = delay;
        t->link.owner = t;
        queue_add(&loop->timers[delay], &t->link);
}

void loop_bury(struct loop *loop, struct grave *g)
{
        g->next = loop->graves;
        loop->graves = g;
}

static void bury_all(struct loop *loop)
{
        while (loop->graves) {
                struct grave *g = loop->graves;

                loop->graves = g->next;
                g->bury(g);
        }
}

/* How long to sleep, in ms, rounded up; -1: for ever. */
static int next_timeout(struct loop *loop)
{
        int timeout = loop->guest_timeout ? loop->guest_timeout(loop->guest) : -1;

        for (size_t i = 0; i < LOOP_N_DELAYS; i++) {
                const struct timer *t = queue_first(&loop->timers[i]);

                if (!t)
                        continue;
                uint64_t ms = t->due <= loop->now ? 0 : (t->due - loop->now + MS - 1) / MS;
                if (timeout < 0 || (int)ms < timeout)
                        timeout = (int)ms;
        }
        return timeout;
}

static void ring_timers(struct loop *loop)
{
        for (size_t i = 0; i < LOOP_N_DELAYS; i++) {
                struct timer *t;

                while ((t = queue_first(&loop->timers[i])) && t->due <= loop->now) {
                        loop_stop_timer(loop, t);
                        t->ring(t->owner);
                }
        }
}

int loop_run(struct loop *loop, struct err *e)
{
        struct epoll_event ready[N_READY];

        while (!loop->is_over) {
                int n = epoll_wait(loop->epoll, ready, N_READY, next_timeout(loop));

                if (n < 0 && errno != EINTR)
                        return err_sys(e, "cannot wait for events");
                loop->now = io_now();
                for (int i = 0; i < n; i++) {
                        struct watch *w = ready[i].data.ptr;

                        /* an event before it in this round may have closed it */
                        if (w->is_known)
                                w->ready(w, ready[i].events);
                }
                ring_timers(loop);
                if (loop->guest_round)
                        loop->guest_round(loop->guest);
                bury_all(loop);
        }
        return 0;
}

void loop_done(struct loop *loop)
{
        bury_all(loop);
        fd_close(&loop->epoll);
}
