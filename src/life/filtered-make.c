#include "filtered-make.h"

#include "fd.h"
#include "filtered-link.h"
#include "io.h"
#include "net-ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * A filtered sandbox has a network that ends at the next machine, and that machine is nothing but
 * sockets:
 *
 *      sandbox N                               gateway M, 198.18.0.1
 *        net0 198.18.0.2/30  ---- veth ----      gate0; every address in 198.19.0.0/16 is its own
 *        route 198.19.0.0/16 via M               0.0.0.0:PORT for every allowed port, DNS on :53,
 *        127.0.0.1:PORT that is lent             CONNECT on :3128, SOCKS on :1080
 *
 * M is a network namespace without a process: the sockets, which kelp-proxy has, are all that
 * keeps it.  Nothing is forwarded there and nothing else listens, so there is no way on but through
 * the proxy, which runs on the host and connects as it sees fit.  With CAP_NET_ADMIN the sandbox can
 * change its own side, and put devices into M, too, which belongs to the same user namespace and has
 * a number for it (IFLA_TARGET_NETNSID): so nothing may ever be trusted for having come through M,
 * and nothing else may be there.  The proxy judges the address that a socket says it was
 * called by, whoever made it one of M's.  When the proxy ends M goes, and with it the veth pair: the
 * sandbox is without a network then, and gets no other.
 *
 * The sockets are not made on the sandbox's own loopback: a server inside could not listen on the
 * same ports then, and resolvers do not take an address on loopback for a network.
 *
 * Order: M first, for its sockets are made before anybody could call; N, and what is lent in it,
 * last.  One process can do both because it has entered the user namespace that owns them.
 */

/* What has not been accepted yet; the kernel takes less where net.core.somaxconn says so. */
#define BACKLOG 4096

struct making {
        const struct plan_net *net;
        int sock; /* where the sockets go */
        size_t n_held;
        int held[IO_MAX_FDS]; /* the same, of one kind, on their way */
        struct filtered_message message;
};

static int flush(struct making *m, struct err *e)
{
        int r = 0;

        if (m->n_held > 0)
                r = io_send(m->sock, &m->message, sizeof(m->message), m->held, m->n_held, e);
        while (m->n_held > 0)
                fd_close(&m->held[--m->n_held]);
        return r;
}

/* Takes the socket. */
static int hand_out(struct making *m, enum filtered_socket what, uint16_t port, int *sock,
                    struct err *e)
{
        bool is_other =
                m->message.what != what || (what == FILTERED_FORWARD && m->message.port != port);

        if ((m->n_held == IO_MAX_FDS || is_other) && flush(m, e) < 0)
                return -e->code;
        m->message = (struct filtered_message){ .what = what, .port = port };
        m->held[m->n_held++] = fd_take(sock);
        return 0;
}

/*
 * SO_REUSEPORT: the DNS socket of 198.18.0.1:53 and a rule for port 53 stand beside each other, and
 * the kernel prefers the socket with the address.
 */
static int open_socket(int type, const struct sockaddr *address, socklen_t len, struct err *e)
{
        autofd sock = socket(address->sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int one = 1;

        if (sock < 0)
                return err_sys(e, "cannot make a socket");
        if (setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
            setsockopt(sock, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) < 0 ||
            (address->sa_family == AF_INET6 &&
             setsockopt(sock, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0))
                return err_sys(e, "cannot set up a socket");
        if (bind(sock, address, len) < 0)
                return err_sys(e, "cannot bind a socket");
        if (type == SOCK_STREAM && listen(sock, BACKLOG) < 0)
                return err_sys(e, "cannot listen");
        return fd_take(&sock);
}

static int open_at(int type, const char *text, uint16_t port, struct err *e)
{
        struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
        int sock;

        if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
                sock = open_socket(type, (struct sockaddr *)&v4, sizeof(v4), e);
        else if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1)
                sock = open_socket(type, (struct sockaddr *)&v6, sizeof(v6), e);
        else
                return err_set(e, EINVAL, "'%s' is not an address", text);
        return sock < 0 ? err_prefix(e, "port %u of '%s'", (unsigned)port, text) : sock;
}

static int make_one(struct making *m, enum filtered_socket what, int type, const char *text,
                    uint16_t port, struct err *e)
{
        autofd sock = open_at(type, text, port, e);

        return sock < 0 ? sock : hand_out(m, what, port, &sock, e);
}

static int make_listeners(struct making *m, int family, const char *any, struct err *e)
{
        struct net_port_set ports;

        net_ports_of_rules(m->net, family, &ports);
        for (unsigned port = 1; port <= UINT16_MAX; port++) {
                if (net_ports_has(&ports, port) &&
                    make_one(m, FILTERED_LISTEN, SOCK_STREAM, any, (uint16_t)port, e) < 0)
                        return -e->code;
        }
        return 0;
}

static int make_gateway(struct making *m, struct err *e)
{
        if (make_one(m, FILTERED_DNS_UDP, SOCK_DGRAM, PLAN_GATEWAY, 53, e) < 0 ||
            make_one(m, FILTERED_DNS_TCP, SOCK_STREAM, PLAN_GATEWAY, 53, e) < 0 ||
            make_one(m, FILTERED_CONNECT, SOCK_STREAM, PLAN_GATEWAY, 3128, e) < 0 ||
            make_one(m, FILTERED_SOCKS, SOCK_STREAM, PLAN_GATEWAY, 1080, e) < 0 ||
            make_listeners(m, AF_UNSPEC, "0.0.0.0", e) < 0)
                return -e->code;
        if (filtered_has_ipv6(m->net) && make_listeners(m, AF_INET6, "::", e) < 0)
                return -e->code;
        return flush(m, e);
}

/* In the sandbox: a server of the host is where a program on the host would look for it. */
static int make_lent(struct making *m, struct err *e)
{
        autofd v6 = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

        for (size_t i = 0; i < m->net->n_host_ports; i++) {
                uint16_t port = m->net->host_ports[i];

                if (make_one(m, FILTERED_FORWARD, SOCK_STREAM, "127.0.0.1", port, e) < 0)
                        return -e->code;
                if (v6 >= 0 && make_one(m, FILTERED_FORWARD, SOCK_STREAM, "::1", port, e) < 0 &&
                    e->code != EADDRNOTAVAIL)
                        return -e->code;
        }
        return flush(m, e);
}

static int make_all(struct making *m, int userns, int netns, struct err *e)
{
        if (setns(userns, CLONE_NEWUSER) < 0)
                return err_sys(e, "cannot enter the sandbox's user namespace");
        if (unshare(CLONE_NEWNET) < 0)
                return err_sys(e, "cannot create the network namespace of the gateway");
        if (filtered_link_make(netns, e) < 0 || filtered_link_set_gateway(m->net, e) < 0)
                return -e->code;
        if (make_gateway(m, e) < 0)
                return err_prefix(e, "the gateway");
        if (setns(netns, CLONE_NEWNET) < 0)
                return err_sys(e, "cannot enter the sandbox's network namespace");
        if (filtered_link_set_sandbox(m->net, e) < 0)
                return -e->code;
        return make_lent(m, e) < 0 ? err_prefix(e, "a port that is lent") : 0;
}

void filtered_make(const struct plan_net *net, int userns, int netns, int sock)
{
        struct making m = { .net = net, .sock = sock };
        struct err unused = { 0 };
        struct err e = { 0 };
        struct filtered_message last = { .what = FILTERED_DONE };

        if (make_all(&m, userns, netns, &e) < 0)
                last = (struct filtered_message){ .what = FILTERED_FAILED, .err = e };
        /* who waits sees the end of the stream, and says that we ended early */
        io_send(sock, &last, sizeof(last), NULL, 0, &unused);
}
