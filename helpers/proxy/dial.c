#include "dial.h"

#include "fd.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

struct attempt {
        struct watch watch;
        struct address address;
};

struct dial {
        struct grave grave;
        struct loop *loop;
        struct address addresses[RESOLVER_MAX_ADDRESSES];
        size_t n;
        size_t next;
        uint16_t port;
        struct attempt attempts[DIAL_MAX_AT_ONCE];
        struct timer stagger;
        int error;
        dial_done *done;
        void *owner;
};

static void bury(struct grave *g)
{
        free(g);
}

void dial_stop(struct dial *d)
{
        for (size_t i = 0; i < DIAL_MAX_AT_ONCE; i++)
                loop_close(d->loop, &d->attempts[i].watch);
        loop_stop_timer(d->loop, &d->stagger);
        loop_bury(d->loop, &d->grave);
}

static void finish(struct dial *d, int fd, const struct address *a)
{
        dial_done *done = d->done;
        void *owner = d->owner;
        int error = d->error;
        struct address address = a ? *a : (struct address){ 0 };

        dial_stop(d);
        done(owner, fd, &address, error);
}

/* That there is no way says less than what another address has said. */
static void note_error(struct dial *d, int error)
{
        bool is_weak = error == ENETUNREACH || error == EADDRNOTAVAIL || error == EAFNOSUPPORT;

        if (d->error == 0 || !is_weak)
                d->error = error;
}

static int open_socket(const struct address *a, uint16_t port)
{
        struct sockaddr_storage sa;
        socklen_t len = address_to_socket(a, port, &sa);
        autofd fd = socket(a->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        int on = 1;

        if (fd < 0)
                return -errno;
        /* what passes here has been gathered once already */
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
        setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
        if (connect(fd, (const struct sockaddr *)&sa, len) < 0 && errno != EINPROGRESS)
                return -errno;
        return fd_take(&fd);
}

static struct attempt *free_attempt(struct dial *d)
{
        for (size_t i = 0; i < DIAL_MAX_AT_ONCE; i++) {
                if (d->attempts[i].watch.fd < 0)
                        return &d->attempts[i];
        }
        return NULL;
}

static bool is_trying(const struct dial *d)
{
        for (size_t i = 0; i < DIAL_MAX_AT_ONCE; i++) {
                if (d->attempts[i].watch.fd >= 0)
                        return true;
        }
        return false;
}

/* Tries addresses until one is on its way. */
static void try_next(struct dial *d)
{
        struct attempt *free_one = free_attempt(d);

        while (free_one && d->next < d->n) {
                const struct address *a = &d->addresses[d->next++];
                int fd = open_socket(a, d->port);

                if (fd < 0) {
                        note_error(d, -fd);
                        continue;
                }
                free_one->watch.fd = fd;
                free_one->address = *a;
                int r = loop_watch(d->loop, &free_one->watch, EPOLLOUT);
                if (r < 0) {
                        note_error(d, -r);
                        loop_close(d->loop, &free_one->watch);
                        continue;
                }
                if (d->next < d->n)
                        loop_set_timer(d->loop, &d->stagger, LOOP_STAGGER);
                return;
        }
}

static void stagger_over(void *owner)
{
        try_next(owner);
}

static void attempt_ready(struct watch *w, uint32_t events)
{
        struct dial *d = w->owner;
        struct attempt *attempt = (struct attempt *)w;
        socklen_t len = sizeof(int);
        int error = 0;

        (void)events;
        if (getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
                error = errno;
        if (error == 0) {
                loop_forget(d->loop, w);
                finish(d, fd_take(&w->fd), &attempt->address);
                return;
        }
        note_error(d, error);
        loop_close(d->loop, w);
        try_next(d);
        if (!is_trying(d))
                finish(d, -1, NULL);
}

struct dial *dial_start(struct loop *loop, const struct address *addresses, size_t n, uint16_t port,
                        dial_done *done, void *owner, int *ret_error)
{
        struct dial *d = calloc(1, sizeof(*d));

        if (!d) {
                *ret_error = ENOMEM;
                return NULL;
        }
        d->grave.bury = bury;
        d->loop = loop;
        d->n = n < RESOLVER_MAX_ADDRESSES ? n : RESOLVER_MAX_ADDRESSES;
        memcpy(d->addresses, addresses, d->n * sizeof(*addresses));
        d->port = port;
        d->stagger = (struct timer){ .ring = stagger_over, .owner = d };
        d->done = done;
        d->owner = owner;
        for (size_t i = 0; i < DIAL_MAX_AT_ONCE; i++)
                d->attempts[i].watch =
                        (struct watch){ .fd = -1, .ready = attempt_ready, .owner = d };
        try_next(d);
        if (is_trying(d))
                return d;
        *ret_error = d->error ? d->error : EHOSTUNREACH;
        free(d);
        return NULL;
}

/* What the kernel says of an address that there is no way to: a connection would be told the same. */
static bool is_no_way(int error)
{
        return error == ENETUNREACH || error == EHOSTUNREACH || error == ENETDOWN ||
               error == EADDRNOTAVAIL || error == EAFNOSUPPORT || error == EACCES ||
               error == EINVAL;
}

/*
 * To get to an address of its own the kernel takes that very address as the source, whatever
 * interface it is on.  A datagram socket asks for the way without a packet.
 */
bool dial_is_own(const struct address *a)
{
        autofd fd = socket(a->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct sockaddr_storage sa;
        socklen_t len = address_to_socket(a, 9, &sa);
        struct address source;
        uint16_t port;

        if (fd < 0 || connect(fd, (const struct sockaddr *)&sa, len) < 0)
                return !is_no_way(errno);
        len = sizeof(sa);
        return getsockname(fd, (struct sockaddr *)&sa, &len) < 0 ||
               !address_from_socket(&sa, &source, &port) || address_is_same(&source, a);
}
