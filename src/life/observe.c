#include "observe.h"

#include "fd.h"
#include "io.h"
#include "observe-filter.h"
#include "observe-serve.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* A report is made of what lies in memory: whoever takes longer will never be done. */
#define PATIENCE_MS 5000

int observe_prepare(const struct observe_spec *spec, const struct plan *p,
                    const struct sock_fprog *filter, struct observe *ret, struct err *e)
{
        struct observe o = OBSERVE_NONE;

        o.spec = *spec;
        if (o.spec.max_events == 0)
                o.spec.max_events = OBSERVE_EVENTS;
        if (o.spec.max_events > OBSERVE_MAX_EVENTS)
                o.spec.max_events = OBSERVE_MAX_EVENTS;
        o.filter = filter;
        o.made = mem_alloc(sizeof(*o.made), e);
        if (!o.made ||
            observe_filter_make(filter, p->net.mode, spec->sees_all_calls, o.made, e) < 0 ||
            fd_socketpair(&o.near, &o.far, e) < 0) {
                observe_done(&o);
                return -e->code;
        }
        o.watch = (struct filter_watch){
                .program = { .len = o.made->len, .filter = o.made->insns },
                .sock = o.far,
                .far = o.near,
        };
        *ret = o;
        return 0;
}

/* Its own word is the only success: from there on it is confined, and serves. */
static int await_ready(struct observe *o, struct err *e)
{
        struct err failure = { 0 };
        ssize_t n = io_receive(o->sock, &failure, sizeof(failure), NULL, 0, NULL, e);

        if (n < 0)
                return -e->code;
        if (n != (ssize_t)sizeof(failure))
                return err_set(e, EPIPE, "the observer ended before it was ready");
        if (failure.code == 0)
                return 0;
        failure.step = e->step;
        *e = failure;
        return err_prefix(e, "cannot observe the run");
}

int observe_start(struct observe *o, const struct plan *p, const struct tree *t, int hosts,
                  struct err *e)
{
        if (!observe_is_on(o))
                return 0;
        autofd self = proc_pidfd(getpid(), e);
        autofd far = -1;
        if (self < 0 || fd_socketpair(&o->sock, &far, e) < 0)
                return -e->code;
        if (p->net.mode == PLAN_NETWORK_USER) {
                o->blocked = mem_alloc(sizeof(*o->blocked), e);
                if (!o->blocked || blocked_collect(o->blocked, e) < 0)
                        return -e->code;
        }
        pid_t pid = fork();
        if (pid < 0)
                return err_sys(e, "cannot fork an observer");
        if (pid == 0)
                observe_serve(o, &(struct observe_ends){ far, self, hosts }, p, t);
        o->child.pid = pid;
        /* the payload's end is its own, and its death is seen by the observer alone */
        fd_close(&o->near);
        fd_close(&o->far);
        fd_close(&far);
        return await_ready(o, e);
}

/* false: there is nothing more to be had, though there should be. */
static bool take(struct observe *o, void *data, size_t size)
{
        struct err unused = { 0 };

        return io_wait(o->sock, PATIENCE_MS) == 1 &&
               io_receive(o->sock, data, size, NULL, 0, NULL, &unused) == (ssize_t)size;
}

/* Either is the word to report. */
static bool ask_for_report(int sock)
{
        struct err unused = { 0 };

        return shutdown(sock, SHUT_WR) == 0 || io_send(sock, "", 1, NULL, 0, &unused) == 0;
}

static int take_events(struct observe *o, observe_event_fn *each, void *arg,
                       struct observe_total *ret, struct err *e)
{
        struct observe_report head;
        struct observe_event event;

        if (!ask_for_report(o->sock) || !take(o, &head, sizeof(head)))
                return 0;
        ret->n_dropped += head.n_dropped;
        ret->n_unreadable = head.n_unreadable;
        for (uint64_t i = 0; i < head.n_events; i++) {
                if (!take(o, &event, sizeof(event)))
                        return 0;
                event.name[sizeof(event.name) - 1] = '\0';
                event.detail[sizeof(event.detail) - 1] = '\0';
                event.comm[sizeof(event.comm) - 1] = '\0';
                if (each(&event, arg, e) < 0)
                        return -e->code;
        }
        ret->is_whole = true;
        return 0;
}

int observe_finish(struct observe *o, observe_event_fn *each, void *arg,
                   struct observe_total *ret_total, struct err *e)
{
        struct observe_total total = { .is_whole = false };

        if (!observe_is_on(o) || o->sock < 0)
                return 0;
        if (take_events(o, each, arg, &total, e) < 0)
                return -e->code;
        *ret_total = total;
        return 0;
}

void observe_done(struct observe *o)
{
        proc_kill_child(&o->child);
        fd_close(&o->near);
        fd_close(&o->far);
        fd_close(&o->sock);
        free(o->made);
        free(o->blocked);
        *o = (struct observe)OBSERVE_NONE;
}
