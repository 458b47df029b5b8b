#include "proxy.h"

#include "conn.h"
#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

/* Descriptors of its own: standard ones, epoll, log, spare pipes, c-ares, DNS connections. */
#define OWN_FDS 320

/* As many connections as there can be descriptors for, to a limit of our own. */
static int set_limits(struct proxy *p, struct err *e)
{
        rlim_t wanted = PROXY_MAX_CONNS * PROXY_FDS_PER_CONN + OWN_FDS + p->config.n_listeners;
        struct rlimit files;

        if (getrlimit(RLIMIT_NOFILE, &files) < 0)
                return err_sys(e, "cannot read the limit of open files");
        files.rlim_cur = files.rlim_max < wanted ? files.rlim_max : wanted;
        if (setrlimit(RLIMIT_NOFILE, &files) < 0)
                return err_sys(e, "cannot set the limit of open files");
        rlim_t fixed = OWN_FDS + p->config.n_listeners;
        if (files.rlim_cur < fixed + (rlim_t)8 * PROXY_FDS_PER_CONN) {
                err_set(e, EMFILE, "%llu open files are too few",
                        (unsigned long long)files.rlim_cur);
                return err_hint(e, "allow fewer ports, or raise the limit: `ulimit -n`");
        }
        p->max_conns = (size_t)(files.rlim_cur - fixed) / PROXY_FDS_PER_CONN;
        return 0;
}

/* The launcher says nothing: that it can be read is its end. */
static void control_ready(struct watch *w, uint32_t events)
{
        struct proxy *p = w->owner;

        (void)events;
        p->loop.is_over = true;
}

static int watch_control(struct proxy *p, int control, struct err *e)
{
        p->control = (struct watch){ .fd = control, .ready = control_ready, .owner = p };
        int r = loop_watch(&p->loop, &p->control, EPOLLIN);

        return r < 0 ? err_set(e, -r, "cannot watch the control socket: %s", err_name(-r)) : 0;
}

static int check_log(int fd, struct err *e)
{
        int flags = fd >= 0 ? fcntl(fd, F_GETFL) : O_WRONLY;

        if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
                return err_set(e, EBADF, "descriptor %d is no log that can be written", fd);
        return 0;
}

static bool needs_names(const struct config *c)
{
        for (size_t i = 0; i < c->n_listeners; i++) {
                if (c->listeners[i].kind != LISTENER_FORWARD)
                        return true;
        }
        return false;
}

int proxy_make(struct proxy *p, int control, struct err *e)
{
        const struct config *c = &p->config;

        p->journal.log = c->log_fd;
        p->journal.control = c->has_events ? control : -1;
        if (check_log(c->log_fd, e) < 0 || set_limits(p, e) < 0 || loop_make(&p->loop, e) < 0 ||
            watch_control(p, control, e) < 0 || listeners_make(p, e) < 0)
                return -e->code;
        if (c->fakes_bits > 0) {
                p->names = names_make(c->fakes, c->fakes_bits, e);
                if (!p->names)
                        return -e->code;
        }
        if (needs_names(c)) {
                p->resolver = resolver_make(&p->loop, c->dns_servers, e);
                if (!p->resolver)
                        return -e->code;
        }
        return 0;
}

int proxy_run(struct proxy *p, struct err *e)
{
        return loop_run(&p->loop, e);
}

void proxy_done(struct proxy *p)
{
        conn_drop_all(p);
        dns_serve_done(p);
        if (p->listeners)
                listeners_done(p);
        resolver_free(p->resolver);
        names_free(p->names);
        flow_pool_done(&p->pool);
        loop_done(&p->loop);
        config_done(&p->config);
}
