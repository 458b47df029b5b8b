#include "udp-relay.h"

#include "fd.h"
#include "port-holder.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Peers at one time; the one that was silent longest makes room. */
#define MAX_PEERS 256

struct peer {
        int sock;    /* in the sandbox, connected to the service; -1: free */
        size_t port; /* which of the published ports */
        struct sockaddr_in address;
        uint64_t last; /* turn in which it was heard of last */
};

struct relaying {
        const struct udp_relay *relay;
        struct peer peers[MAX_PEERS];
        uint64_t turn;
        char datagram[65536];
};

static int bind_port(const struct plan_port *port, struct err *e)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port->host_port) };
        autofd sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (sock < 0)
                return err_sys(e, "cannot make a socket");
        if (inet_pton(AF_INET, port->host_address, &address.sin_addr) != 1)
                return err_set(e, EINVAL, "'%s' is not an IPv4 address", port->host_address);
        if (bind(sock, (struct sockaddr *)&address, sizeof(address)) < 0)
                return port_explain(port, errno, e);
        return fd_take(&sock);
}

int udp_relay_open(const struct plan *p, struct udp_relay *ret, struct err *e)
{
        ret->n = 0;
        for (size_t i = 0; i < p->net.n_ports; i++) {
                const struct plan_port *port = &p->net.ports[i];

                if (!port->is_udp)
                        continue;
                int sock = bind_port(port, e);
                if (sock < 0) {
                        udp_relay_done(ret);
                        return err_prefix(e, "cannot publish %s:%u/udp", port->host_address,
                                          (unsigned)port->host_port);
                }
                ret->socks[ret->n] = sock;
                ret->box_ports[ret->n++] = port->box_port;
        }
        return 0;
}

void udp_relay_done(struct udp_relay *relay)
{
        while (relay->n > 0)
                fd_close(&relay->socks[--relay->n]);
}

/* PR_SET_PDEATHSIG last: the kernel forgets it when capabilities change. */
int udp_relay_shut_in(const struct udp_relay *relay, int life, int report, struct err *e)
{
        int keep[PLAN_MAX_PORTS + 2];
        cap_t none = cap_init();
        int r = 0;

        memcpy(keep, relay->socks, relay->n * sizeof(int));
        keep[relay->n] = life;
        keep[relay->n + 1] = report;
        fd_sort(keep, relay->n + 2);
        if (fd_close_others(keep, relay->n + 2, e) < 0)
                r = -e->code;
        else if (dup2(STDIN_FILENO, STDERR_FILENO) < 0)
                r = err_sys(e, "cannot set the standard streams of the relay");
        else if (!none || cap_set_proc(none) < 0)
                r = err_sys(e, "cannot give up the capabilities of the relay");
        else if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
                 prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
                r = err_sys(e, "cannot confine the relay");
        if (none)
                cap_free(none);
        return r;
}

static int connect_service(uint16_t port)
{
        struct sockaddr_in address = { .sin_family = AF_INET,
                                       .sin_port = htons(port),
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        autofd sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (sock < 0 || connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0)
                return -errno;
        return fd_take(&sock);
}

/* The peer at `address`, a new one if need be; NULL when there is no socket for it. */
static struct peer *find_peer(struct relaying *r, size_t port, const struct sockaddr_in *address)
{
        struct peer *victim = &r->peers[0];

        for (size_t i = 0; i < MAX_PEERS; i++) {
                struct peer *peer = &r->peers[i];

                if (peer->sock >= 0 && peer->port == port &&
                    peer->address.sin_port == address->sin_port &&
                    peer->address.sin_addr.s_addr == address->sin_addr.s_addr)
                        return peer;
                if (victim->sock >= 0 && (peer->sock < 0 || peer->last < victim->last))
                        victim = peer;
        }
        fd_close(&victim->sock);
        victim->sock = connect_service(r->relay->box_ports[port]);
        if (victim->sock < 0) {
                victim->sock = -1;
                return NULL;
        }
        victim->port = port;
        victim->address = *address;
        return victim;
}

/* Lost datagrams are UDP's own business: a send that fails is one more of them. */
static void carry_in(struct relaying *r, size_t port)
{
        struct sockaddr_in from;
        socklen_t size = sizeof(from);
        ssize_t n = recvfrom(r->relay->socks[port], r->datagram, sizeof(r->datagram), 0,
                             (struct sockaddr *)&from, &size);
        struct peer *peer = n < 0 ? NULL : find_peer(r, port, &from);

        if (!peer)
                return;
        peer->last = ++r->turn;
        (void)!send(peer->sock, r->datagram, (size_t)n, 0);
}

static void carry_out(struct relaying *r, struct peer *peer)
{
        ssize_t n = recv(peer->sock, r->datagram, sizeof(r->datagram), 0);

        if (n < 0)
                return;
        peer->last = ++r->turn;
        (void)!sendto(r->relay->socks[peer->port], r->datagram, (size_t)n, 0,
                      (const struct sockaddr *)&peer->address, sizeof(peer->address));
}

static bool turn(struct relaying *r, int life)
{
        struct pollfd fds[1 + PLAN_MAX_PORTS + MAX_PEERS];
        size_t n_ports = r->relay->n;

        fds[0] = (struct pollfd){ .fd = life, .events = POLLRDHUP };
        for (size_t i = 0; i < n_ports; i++)
                fds[1 + i] = (struct pollfd){ .fd = r->relay->socks[i], .events = POLLIN };
        for (size_t i = 0; i < MAX_PEERS; i++)
                fds[1 + n_ports + i] = (struct pollfd){ .fd = r->peers[i].sock, .events = POLLIN };

        if (poll(fds, 1 + n_ports + MAX_PEERS, -1) < 0)
                return errno == EINTR;
        if (fds[0].revents)
                return false;
        /* answers first: a new peer may take the place of an old one */
        for (size_t i = 0; i < MAX_PEERS; i++) {
                if (fds[1 + n_ports + i].revents)
                        carry_out(r, &r->peers[i]);
        }
        for (size_t i = 0; i < n_ports; i++) {
                if (fds[1 + i].revents)
                        carry_in(r, i);
        }
        return true;
}

void udp_relay_run(const struct udp_relay *relay, int life)
{
        struct relaying r = { .relay = relay };

        for (size_t i = 0; i < MAX_PEERS; i++)
                r.peers[i].sock = -1;
        while (turn(&r, life))
                ;
}
