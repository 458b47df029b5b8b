#include "listener.h"

#include "conn.h"
#include "fd.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* How many are accepted before others have their turn. */
#define AT_ONCE 64

/* Without descriptors a listener stays ready, and would be asked again and again. */
static void pause_over(void *owner)
{
        struct listener *l = owner;

        if (loop_watch(&l->proxy->loop, &l->watch, EPOLLIN) < 0)
                loop_set_timer(&l->proxy->loop, &l->pause, LOOP_PAUSE);
}

static void take_connections(struct listener *l)
{
        struct proxy *p = l->proxy;

        for (int i = 0; i < AT_ONCE; i++) {
                autofd fd = accept4(l->watch.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

                if (fd >= 0) {
                        if (l->config->kind == LISTENER_DNS_TCP)
                                dns_serve_connection(p, &fd);
                        else
                                conn_begin(p, l->config, &fd);
                        continue;
                }
                if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
                        loop_forget(&p->loop, &l->watch);
                        loop_set_timer(&p->loop, &l->pause, LOOP_PAUSE);
                }
                if (errno != ECONNABORTED && errno != EINTR)
                        return;
        }
}

static void ready(struct watch *w, uint32_t events)
{
        struct listener *l = w->owner;

        (void)events;
        if (l->config->kind == LISTENER_DNS_UDP)
                dns_serve_datagrams(l->proxy, w->fd);
        else
                take_connections(l);
}

static int get_option(int fd, int name, int *ret)
{
        socklen_t len = sizeof(*ret);

        return getsockopt(fd, SOL_SOCKET, name, ret, &len);
}

static int check_socket(const struct config_listener *config, struct err *e)
{
        bool is_udp = config->kind == LISTENER_DNS_UDP;
        int family;
        int type;
        int listens;

        if (config->fd < 3 || get_option(config->fd, SO_DOMAIN, &family) < 0 ||
            get_option(config->fd, SO_TYPE, &type) < 0 ||
            get_option(config->fd, SO_ACCEPTCONN, &listens) < 0)
                return err_set(e, EBADF, "descriptor %d is no socket", config->fd);
        if ((family != AF_INET && family != AF_INET6) ||
            type != (is_udp ? SOCK_DGRAM : SOCK_STREAM) || (!is_udp && !listens))
                return err_set(e, EINVAL, "descriptor %d is not a socket of its kind", config->fd);
        return 0;
}

static int make_one(struct proxy *p, struct listener *l, const struct config_listener *config,
                    struct err *e)
{
        l->proxy = p;
        l->config = config;
        l->pause = (struct timer){ .ring = pause_over, .owner = l };
        if (check_socket(config, e) < 0 || fd_set_cloexec(config->fd, true, e) < 0)
                return -e->code;
        int flags = fcntl(config->fd, F_GETFL);
        if (flags < 0 || fcntl(config->fd, F_SETFL, flags | O_NONBLOCK) < 0)
                return err_sys(e, "cannot make descriptor %d non-blocking", config->fd);
        l->watch = (struct watch){ .fd = config->fd, .ready = ready, .owner = l };
        int r = loop_watch(&p->loop, &l->watch, EPOLLIN);
        return r < 0 ? err_set(e, -r, "cannot watch descriptor %d: %s", config->fd, err_name(-r))
                     : 0;
}

int listeners_make(struct proxy *p, struct err *e)
{
        p->listeners = mem_alloc(p->config.n_listeners * sizeof(*p->listeners), e);
        if (!p->listeners)
                return -e->code;
        for (size_t i = 0; i < p->config.n_listeners; i++) {
                p->listeners[i].watch.fd = -1;
                if (make_one(p, &p->listeners[i], &p->config.listeners[i], e) < 0)
                        return -e->code;
                p->n_listeners++;
        }
        return 0;
}

void listeners_done(struct proxy *p)
{
        for (size_t i = 0; i < p->n_listeners; i++) {
                loop_stop_timer(&p->loop, &p->listeners[i].pause);
                loop_close(&p->loop, &p->listeners[i].watch);
        }
        free(p->listeners);
        p->listeners = NULL;
}
