#include "resolver.h"

#include "fd.h"
#include "mem.h"

#include <ares.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/time.h>

#define TIMEOUT_MS 2000
#define TRIES      3

/* A socket of c-ares, which closes it itself. */
struct ares_socket {
        struct grave grave;
        struct ares_socket *next;
        struct watch watch;
};

struct resolver {
        struct loop *loop;
        ares_channel channel;
        const char *servers; /* NULL: those of this host */
        struct ares_socket *sockets;
        size_t n_pending;
        struct timespec changed; /* resolv.conf, as the channel knows it */
};

struct lookup {
        struct resolver *resolver;
        resolver_done *done; /* NULL: forgotten */
        void *owner;
};

static void bury_socket(struct grave *g)
{
        free(g);
}

static void socket_ready(struct watch *w, uint32_t events)
{
        struct resolver *r = w->owner;
        bool can_read = events & (EPOLLIN | EPOLLERR | EPOLLHUP);
        bool can_write = events & (EPOLLOUT | EPOLLERR | EPOLLHUP);

        ares_process_fd(r->channel, can_read ? w->fd : ARES_SOCKET_BAD,
                        can_write ? w->fd : ARES_SOCKET_BAD);
}

static void drop_socket(struct resolver *r, struct ares_socket **at)
{
        struct ares_socket *s = *at;

        *at = s->next;
        loop_forget(r->loop, &s->watch);
        s->watch.fd = -1;
        loop_bury(r->loop, &s->grave);
}

/* c-ares wants to know of its socket, or no more.  One that is not watched times out by itself. */
static void socket_changed(void *data, ares_socket_t fd, int wants_in, int wants_out)
{
        struct resolver *r = data;
        struct ares_socket **at = &r->sockets;
        uint32_t events = (wants_in ? EPOLLIN : 0) | (wants_out ? EPOLLOUT : 0);

        while (*at && (*at)->watch.fd != fd)
                at = &(*at)->next;
        if (events == 0) {
                if (*at)
                        drop_socket(r, at);
                return;
        }
        if (!*at) {
                struct ares_socket *s = calloc(1, sizeof(*s));

                if (!s)
                        return;
                s->grave.bury = bury_socket;
                s->watch = (struct watch){ .fd = fd, .ready = socket_ready, .owner = r };
                *at = s;
        }
        loop_watch(r->loop, &(*at)->watch, events);
}

static int guest_timeout(void *guest)
{
        struct resolver *r = guest;
        struct timeval tv;

        if (!ares_timeout(r->channel, NULL, &tv))
                return -1;
        return (int)(tv.tv_sec * 1000 + tv.tv_usec / 1000 + 1);
}

static void guest_round(void *guest)
{
        struct resolver *r = guest;

        ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static int open_channel(struct resolver *r, ares_channel *ret, struct err *e)
{
        const char *servers = r->servers;
        struct ares_options options = {
                .flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES,
                .timeout = TIMEOUT_MS,
                .tries = TRIES,
                .lookups = (char *)"b",
                .sock_state_cb = socket_changed,
                .sock_state_cb_data = r,
        };
        int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB |
                   (servers ? ARES_OPT_LOOKUPS : 0);
        int status = ares_init_options(ret, &options, mask);

        if (status != ARES_SUCCESS)
                return err_set(e, EIO, "cannot set up the resolver: %s", ares_strerror(status));
        if (servers && (status = ares_set_servers_ports_csv(*ret, servers)) != ARES_SUCCESS)
                return err_set(e, EINVAL, "cannot use the servers of names '%s': %s", servers,
                               ares_strerror(status));
        return 0;
}

static const char resolv_conf[] = "/etc/resolv.conf";

static void read_changed(struct timespec *ret)
{
        struct stat st;

        *ret = stat(resolv_conf, &st) == 0 ? st.st_mtim : (struct timespec){ 0 };
}

/*
 * A machine that goes to another network has other servers of names there.  A file that has taken
 * the place of the one at the start cannot be read (Landlock goes by the file): what was known then
 * is better than nothing.  Nothing is changed under a question that waits for its answer.
 */
static void follow_changes(struct resolver *r)
{
        struct timespec now;
        struct err unused = { 0 };
        ares_channel fresh = NULL;

        if (r->servers || r->n_pending > 0)
                return;
        read_changed(&now);
        if (now.tv_sec == r->changed.tv_sec && now.tv_nsec == r->changed.tv_nsec)
                return;
        autofd fd = open(resolv_conf, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || open_channel(r, &fresh, &unused) < 0)
                return;
        ares_destroy(r->channel);
        r->channel = fresh;
        r->changed = now;
}

struct resolver *resolver_make(struct loop *loop, const char *servers, struct err *e)
{
        struct resolver *r = mem_alloc(sizeof(*r), e);

        if (!r)
                return NULL;
        r->loop = loop;
        r->servers = servers;
        read_changed(&r->changed);
        if (open_channel(r, &r->channel, e) < 0) {
                resolver_free(r);
                return NULL;
        }
        loop->guest_timeout = guest_timeout;
        loop->guest_round = guest_round;
        loop->guest = r;
        return r;
}

void resolver_free(struct resolver *r)
{
        if (!r)
                return;
        r->loop->guest_timeout = NULL;
        r->loop->guest_round = NULL;
        if (r->channel)
                ares_destroy(r->channel);
        free(r);
}

static bool take_address(const struct ares_addrinfo_node *node, struct address *ret)
{
        const struct sockaddr_in *in = (const struct sockaddr_in *)node->ai_addr;
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)node->ai_addr;

        /* a mapped address stays one: the judge has no rule that opens it */
        *ret = (struct address){ .family = (uint8_t)node->ai_family };
        if (node->ai_family == AF_INET)
                memcpy(ret->bytes, &in->sin_addr, 4);
        else if (node->ai_family == AF_INET6)
                memcpy(ret->bytes, &in6->sin6_addr, 16);
        return node->ai_family == AF_INET || node->ai_family == AF_INET6;
}

static void answered(void *data, int status, int timeouts, struct ares_addrinfo *info)
{
        struct lookup *l = data;
        struct address addresses[RESOLVER_MAX_ADDRESSES];
        size_t n = 0;

        (void)timeouts;
        for (const struct ares_addrinfo_node *node = info ? info->nodes : NULL;
             node && n < RESOLVER_MAX_ADDRESSES; node = node->ai_next)
                n += take_address(node, &addresses[n]);
        if (info)
                ares_freeaddrinfo(info);
        struct resolver *r = l->resolver;
        resolver_done *done = l->done;
        void *owner = l->owner;
        free(l);
        if (done)
                done(owner, addresses, n,
                     n > 0 ? NULL : ares_strerror(status == ARES_SUCCESS ? ARES_ENODATA : status));
        r->n_pending--;
}

void resolver_ask(struct resolver *r, const char *name, resolver_done *done, void *owner,
                  struct lookup **ret_lookup)
{
        const struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC,
                                                   .ai_socktype = SOCK_STREAM };
        struct lookup *l = malloc(sizeof(*l));

        *ret_lookup = l;
        if (!l) {
                done(owner, NULL, 0, "out of memory");
                return;
        }
        follow_changes(r);
        r->n_pending++;
        *l = (struct lookup){ .resolver = r, .done = done, .owner = owner };
        ares_getaddrinfo(r->channel, name, NULL, &hints, answered, l);
}

void lookup_forget(struct lookup *l)
{
        l->done = NULL;
}
