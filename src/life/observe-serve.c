#include "observe-serve.h"

#include "fd.h"
#include "io.h"
#include "mem.h"
#include "observe-confine.h"
#include "observe-filter.h"
#include "observe-judge.h"
#include "proc.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * One loop.  Every call that waits is received before any of them is looked at: until then a signal
 * breaks it off (SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV keeps it from that afterwards).
 *
 * Each call is two switches between processes, and they are cheap where both run on one processor and
 * the one who wakes goes to sleep at once: see choose_waking().
 *
 * What the command can do to this process: make it read its own memory and look up names of its own
 * choice, as often as it likes.  Nothing of that is written anywhere but in the report.
 */

#define CALLS_AT_ONCE 32

/* SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP, Linux 6.6; older headers lack it. */
#define WAKE_HERE UINT64_C(1)

/* A table by the processor's number: if two share a row, some are woken in the slower way. */
#define N_CPUS 256

/* What may fail for want of memory is tried again, within reason: to give up fails every call. */
#define SEND_AGAIN 3
#define POLL_AGAIN 100

/* The kernel's struct may be longer than ours; see seccomp_unotify(2). */
union call {
        struct seccomp_notif notif;
        char room[512];
};

union answer {
        struct seccomp_notif_resp resp;
        char room[256];
};

struct server {
        const struct sock_fprog *policy;
        struct observe_judge judge;
        struct observe_view view;
        union call calls[CALLS_AT_ONCE];
        int near;
        int sock;
        int hosts;
        int n_failed; /* polls in a row */
        uint64_t waking;
        bool has_one_way;      /* to wake: this kernel knows no other */
        uint32_t last[N_CPUS]; /* whom this process answered there */
        bool is_ending;
};

static int check_sizes(struct err *e)
{
        struct seccomp_notif_sizes sizes;

        if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0)
                return err_sys(e, "cannot observe system calls");
        if (sizes.seccomp_notif > sizeof(union call) ||
            sizes.seccomp_notif_resp > sizeof(union answer) ||
            sizes.seccomp_data != sizeof(struct seccomp_data))
                return err_set(e, EOPNOTSUPP, "this kernel tells of system calls in another way");
        return 0;
}

static void take_listener(struct server *s)
{
        struct err unused = { 0 };
        size_t n_fds = 0;
        int fd = -1;
        char byte;

        ssize_t n = io_receive(s->near, &byte, 1, &fd, 1, &n_fds, &unused);
        if (n == 1 && n_fds == 1)
                s->judge.listener = fd;
        /* there is one listener, and whoever else has this socket has nothing to say */
        fd_close(&s->near);
}

/*
 * The policy's own verdict, and nothing else, decides.  What is none that a listener is asked for
 * cannot come; it would be refused.
 */
static void answer(struct server *s, const struct seccomp_notif *call)
{
        uint32_t action = observe_filter_run(s->policy, &call->data);
        union answer a = { .resp = { .id = call->id } };
        struct err unused = { 0 };

        switch (action & SECCOMP_RET_ACTION_FULL) {
        case SECCOMP_RET_ALLOW:
        case SECCOMP_RET_LOG:
                observe_judge_allowed(&s->judge, call, &unused);
                a.resp.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
                break;
        case SECCOMP_RET_ERRNO:
                a.resp.error = -(int)(action & SECCOMP_RET_DATA);
                observe_judge_refused(&s->judge, call, -a.resp.error, &unused);
                break;
        default:
                a.resp.error = -ENOSYS;
        }
        if (unused.code != 0)
                s->judge.events.n_dropped++;
        /* ENOENT: it was ended meanwhile.  Whoever gets no answer waits for ever */
        for (int i = 0; i < SEND_AGAIN; i++) {
                if (ioctl(s->judge.listener, SECCOMP_IOCTL_NOTIF_SEND, &a) == 0 || errno == ENOENT)
                        return;
        }
        fd_close(&s->judge.listener);
}

static bool has_call(int listener)
{
        struct pollfd fd = { .fd = listener, .events = POLLIN };

        return poll(&fd, 1, 0) == 1 && (fd.revents & POLLIN);
}

static void set_waking(struct server *s, uint64_t waking)
{
        if (s->has_one_way || s->waking == waking)
                return;
        if (ioctl(s->judge.listener, OBSERVE_NOTIF_SET_FLAGS, waking) == 0)
                s->waking = waking;
        else if (errno != EINTR)
                s->has_one_way = true;
}

/*
 * Whoever asks has this process run where it asks, and goes on there: each such caller keeps a
 * processor to itself.  But another one that was waiting meanwhile would be drawn here, too, and the
 * two would stay, taking turns on one processor while others are idle, because none of them waits for
 * long enough to be moved.  So he who is not the one that was answered here last is woken in the
 * usual way, where the kernel looks for a place.
 */
static void choose_waking(struct server *s, const struct seccomp_notif *call)
{
        uint32_t *last = &s->last[(unsigned)sched_getcpu() % N_CPUS];

        set_waking(s, *last == call->pid ? WAKE_HERE : 0);
        *last = call->pid;
}

static void serve_calls(struct server *s)
{
        size_t n = 0;

        do {
                memset(&s->calls[n], 0, sizeof(s->calls[n]));
                /* fails when it was broken off in between */
                if (ioctl(s->judge.listener, SECCOMP_IOCTL_NOTIF_RECV, &s->calls[n]) == 0)
                        n++;
        } while (n < CALLS_AT_ONCE && has_call(s->judge.listener));
        for (size_t i = 0; i < n; i++) {
                choose_waking(s, &s->calls[i].notif);
                answer(s, &s->calls[i].notif);
        }
        set_waking(s, WAKE_HERE);
}

static void take_verdict(struct server *s)
{
        char text[512];
        struct err unused = { 0 };
        ssize_t n = io_receive(s->hosts, text, sizeof(text) - 1, NULL, 0, NULL, &unused);

        if (n <= 0) {
                fd_close(&s->hosts);
                return;
        }
        text[n] = '\0';
        if (observe_judge_verdict(&s->judge, text, &unused) < 0)
                s->judge.events.n_dropped++;
}

static int turn(struct server *s, struct err *e)
{
        struct pollfd fds[] = {
                { .fd = s->judge.listener, .events = POLLIN },
                { .fd = s->near, .events = POLLIN },
                { .fd = s->sock, .events = POLLIN },
                { .fd = s->hosts, .events = POLLIN },
        };

        if (poll(fds, 4, -1) < 0)
                return s->n_failed++ < POLL_AGAIN ? 0 : err_sys(e, "cannot poll");
        s->n_failed = 0;
        if (fds[0].revents & POLLIN)
                serve_calls(s);
        else if (fds[0].revents)
                fd_close(&s->judge.listener);
        if (fds[1].revents)
                take_listener(s);
        if (fds[3].revents)
                take_verdict(s);
        /* what the proxy said last is in the socket, though it is gone */
        if (fds[2].revents && !fds[3].revents)
                s->is_ending = true;
        return 0;
}

static int report(const struct server *s, struct err *e)
{
        const struct observe_list *events = &s->judge.events;
        const struct observe_report head = { .n_events = events->n,
                                             .n_dropped = events->n_dropped,
                                             .n_unreadable = s->judge.n_unreadable };

        if (io_send(s->sock, &head, sizeof(head), NULL, 0, e) < 0)
                return -e->code;
        for (size_t i = 0; i < events->n; i++) {
                struct observe_event event = *events->items[i].event;

                /* only now has all been heard that the proxy had to say */
                observe_made_put(&s->judge.made, &event);
                if (io_send(s->sock, &event, sizeof(event), NULL, 0, e) < 0)
                        return -e->code;
        }
        return 0;
}

static int serve(struct server *s, struct err *e)
{
        while (!s->is_ending) {
                if (turn(s, e) < 0)
                        return -e->code;
        }
        return report(s, e);
}

static int prepare(struct server *s, const struct observe *o, int launcher_pidfd, struct err *e)
{
        if (check_sizes(e) < 0 || observe_list_init(&s->judge.events, o->spec.max_events, e) < 0)
                return -e->code;
        observe_view_init(&s->view);
        int keep[] = { s->near, s->sock, s->hosts };
        return observe_confine(keep, s->hosts >= 0 ? 3 : 2, launcher_pidfd, e);
}

_Noreturn void observe_serve(struct observe *o, const struct observe_ends *ends,
                             const struct plan *p, const struct tree *t)
{
        struct err e = { 0 };
        struct server *s = mem_alloc(sizeof(*s), &e);

        if (!s)
                _exit(1);
        s->policy = o->filter;
        s->near = fd_take(&o->near);
        s->sock = ends->sock;
        s->hosts = ends->hosts;
        s->view = (struct observe_view){ .plan = p,
                                         .tree = t,
                                         .keeps_allowed = o->spec.keeps_allowed };
        s->judge = (struct observe_judge){
                .spec = &o->spec,
                .view = &s->view,
                .net = { .plan = p, .keeps_allowed = o->spec.keeps_allowed, .blocked = o->blocked },
                .listener = -1,
        };
        int code = prepare(s, o, ends->launcher_pidfd, &e);
        if (io_send(s->sock, &e, sizeof(e), NULL, 0, &e) < 0 || code < 0)
                _exit(1);
        _exit(serve(s, &e) < 0);
}
