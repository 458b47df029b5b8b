#include "slirp.h"

#include "blocked.h"
#include "fd.h"
#include "io.h"
#include "slirp-api.h"
#include "slirp-enter.h"
#include "step.h"
#include "str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Gbit/s out of and into a sandbox, iperf3, slirp4netns 1.2.0, two cores: 1500 0.65/0.8, 9000
 * 2.6/4.7, 20000 4.0/5.1, 40000 2.6/5.2, 65520 2.1/2.3.  The largest starts slowly, too: 0.9 in
 * its first second, with thousands of segments sent again.
 */
#define MTU 20000

/* No PATH is asked: it is the user's, and so may be a repository's. */
static const char *const places[] = {
        "/usr/bin/slirp4netns",
        "/usr/local/bin/slirp4netns",
        "/bin/slirp4netns",
        "/run/current-system/sw/bin/slirp4netns",
};

/* Resolved, because links in /run cannot be followed where it is executed. */
static int find_program(char path[PATH_MAX], struct err *e)
{
        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
                if (realpath(places[i], path) && access(path, X_OK) == 0)
                        return 0;
        }
        err_set(e, ENOENT, "slirp4netns is not installed");
        return err_hint(e, "sudo apt install slirp4netns");
}

/* Whether the host itself has a way to the IPv6 internet.  Asks the routes; sends nothing. */
static bool host_has_ipv6(void)
{
        struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(53) };
        autofd sock = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        if (sock < 0 || inet_pton(AF_INET6, "2600::", &to.sin6_addr) != 1)
                return false;
        return connect(sock, (struct sockaddr *)&to, sizeof(to)) == 0;
}

static int check_dns(const struct plan *p, const struct blocked *b, struct err *e)
{
        for (size_t i = 0; i < p->net.n_dns; i++) {
                const char *text = p->net.dns[i];
                int family = strchr(text, ':') ? AF_INET6 : AF_INET;
                uint8_t address[16];

                if (inet_pton(family, text, address) != 1)
                        return err_set(e, EINVAL, "'%s' is not an IP address", text);
                if (!blocked_find(b, family, address))
                        continue;
                err_set(e, EINVAL,
                        "the sandbox cannot reach the DNS server '%s': it is this host, "
                        "link-local or a metadata service",
                        text);
                return err_hint(e, "without --dns the sandbox asks the host's own resolver");
        }
        return 0;
}

static int check_ports(const struct plan *p, struct err *e)
{
        char request[256];

        for (size_t i = 0; i < p->net.n_ports; i++) {
                if (slirp_api_request(&p->net.ports[i], request, sizeof(request), e) < 0)
                        return -e->code;
        }
        return 0;
}

/*
 * A program of this host that comes to a published port by one of the host's own addresses is
 * shown to the sandbox with that address, and the answer has to go there.
 */
static bool answers_host(const struct plan *p)
{
        for (size_t i = 0; i < p->net.n_ports; i++) {
                if (!p->net.ports[i].is_udp &&
                    !str_has_prefix(p->net.ports[i].host_address, "127."))
                        return true;
        }
        return false;
}

struct arguments {
        char mtu[24];
        char ready[32];
        char exit[32];
        char netns[48];
        const char *argv[16];
};

static void fill_arguments(struct arguments *a, const struct slirp_entry *entry, int ready_fd,
                           const char *path, bool has_api)
{
        size_t n = 0;

        snprintf(a->mtu, sizeof(a->mtu), "--mtu=%d", MTU);
        snprintf(a->ready, sizeof(a->ready), "--ready-fd=%d", ready_fd);
        snprintf(a->exit, sizeof(a->exit), "--exit-fd=%d", entry->sock);
        snprintf(a->netns, sizeof(a->netns), "/proc/self/fd/%d", entry->tap.netns);
        a->argv[n++] = path;
        a->argv[n++] = "--configure";
        a->argv[n++] = a->mtu;
        a->argv[n++] = "--disable-host-loopback";
        a->argv[n++] = "--enable-sandbox";
        a->argv[n++] = "--enable-seccomp";
        if (entry->tap.has_ipv6)
                a->argv[n++] = "--enable-ipv6";
        if (has_api)
                a->argv[n++] = "--api-socket=" SLIRP_API;
        a->argv[n++] = a->ready;
        a->argv[n++] = a->exit;
        a->argv[n++] = "--netns-type=path";
        a->argv[n++] = a->netns;
        a->argv[n++] = TAP_NAME;
        a->argv[n] = NULL;
}

/* Takes the directory that slirp_enter() sent before it became slirp4netns. */
static int take_directory(struct run *r, struct err *e)
{
        char byte;
        size_t n_fds = 0;
        int dir;
        ssize_t n = io_receive(r->slirp_exit, &byte, 1, &dir, 1, &n_fds, e);

        if (n < 0)
                return -e->code;
        if (n != 1 || n_fds != 1)
                return err_set(e, EPROTO, "slirp4netns was started without its directory");
        fd_close(&r->api_dir);
        r->api_dir = dir;
        return 0;
}

/* Starts the process; `relay` may be empty. */
static int start_process(const struct plan *p, struct run *r, const struct udp_relay *relay,
                         struct err *e)
{
        struct arguments arguments;
        struct blocked blocked;
        char path[PATH_MAX];
        int ends[2];

        if (find_program(path, e) < 0)
                return -e->code;
        if (blocked_collect(&blocked, e) < 0 || check_dns(p, &blocked, e) < 0)
                return -e->code;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
                return err_sys(e, "cannot make a socketpair for slirp4netns");
        r->slirp_exit = ends[0];
        autofd theirs = ends[1];
        autofd ready = dup(theirs);
        if (ready < 0)
                return err_sys(e, "cannot copy a descriptor for slirp4netns");

        struct slirp_entry entry = {
                .userns = r->userns,
                .sock = theirs,
                .tap = { .blocked = &blocked,
                         .netns = r->netns,
                         .has_ipv6 = host_has_ipv6(),
                         .answers_host = answers_host(p) },
                .relay = relay,
        };
        int keep[] = { theirs, ready, r->netns };
        struct proc_spec spec = {
                .path = path,
                .argv = arguments.argv,
                .stdin_fd = -1,
                .stdout_fd = -1,
                .stderr_fd = -1,
                .keep = keep,
                .n_keep = sizeof(keep) / sizeof(keep[0]),
                .die_with_parent = true,
                .prepare = slirp_enter,
                .prepare_arg = &entry,
        };
        fill_arguments(&arguments, &entry, ready, path, p->net.n_ports > relay->n);
        return proc_start(&spec, &r->slirp, e);
}

static int start(const struct plan *p, struct run *r, struct err *e)
{
        struct udp_relay relay;

        if (check_ports(p, e) < 0 || udp_relay_open(p, &relay, e) < 0)
                return -e->code;
        int result = start_process(p, r, &relay, e);
        udp_relay_done(&relay);
        return result < 0 ? result : take_directory(r, e);
}

int slirp_start(const struct plan *p, struct run *r, struct err *e)
{
        if (p->net.mode != PLAN_NETWORK_USER)
                return 0;
        if (start(p, r, e) < 0) {
                e->step = STEP_NETWORK;
                return err_prefix(e, "--network user");
        }
        return 0;
}

/* The end of what slirp4netns said, its lines joined by ';'; "nothing" if it said nothing. */
static void last_words(const struct run *r, char *buffer, size_t size)
{
        char log[8192];
        ssize_t n = -1;

        if (r->api_dir >= 0)
                n = io_read_small(r->api_dir, SLIRP_LOG_NAME, log, sizeof(log));
        if (n <= 0) {
                snprintf(buffer, size, "nothing");
                return;
        }
        size_t skip = (size_t)n >= size ? (size_t)n - size + 1 : 0;
        memcpy(buffer, log + skip, (size_t)n - skip + 1);
        for (char *newline = buffer; (newline = strchr(newline, '\n')); newline++)
                *newline = ';';
}

static const char *how_it_ended(int status, char *buffer, size_t size)
{
        if (WIFSIGNALED(status))
                snprintf(buffer, size, "was killed by signal %d (%s)", WTERMSIG(status),
                         sigabbrev_np(WTERMSIG(status)));
        else
                snprintf(buffer, size, "ended with status %d", WEXITSTATUS(status));
        return buffer;
}

static int report_death(struct run *r, struct err *e)
{
        char words[200];
        char end[64];
        int status;

        last_words(r, words, sizeof(words));
        if (proc_wait(&r->slirp, &status, e) < 0)
                return -e->code;
        return err_set(e, EIO, "slirp4netns %s before it was ready; it said: %s",
                       how_it_ended(status, end, sizeof(end)), words);
}

/* It takes some 5 ms; whoever needs longer than this is not coming up. */
#define READY_MS 8000

static int wait_for_word(const struct run *r, struct err *e)
{
        int n = io_wait(r->slirp_exit, READY_MS);

        if (n < 0)
                return err_sys(e, "cannot wait for slirp4netns");
        if (n == 0)
                return err_set(e, ETIMEDOUT, "slirp4netns was not ready within %d seconds",
                               READY_MS / 1000);
        return 0;
}

static int await_ready(struct run *r, struct err *e)
{
        char byte;

        if (wait_for_word(r, e) < 0)
                return -e->code;
        ssize_t n = io_read(r->slirp_exit, &byte, 1);
        if (n < 0)
                return err_sys(e, "cannot wait for slirp4netns");
        if (n == 0)
                return report_death(r, e);
        return 0;
}

/*
 * The filter stops only what needs a capability over the sandbox's network: without one the routes
 * are enough, and an outer container that keeps us from its descriptors is no reason to fail.
 */
static int guard_tap(const struct run *r, const struct plan *p, struct err *e)
{
        const uint64_t caps = UINT64_C(1) << CAP_NET_RAW | UINT64_C(1) << CAP_NET_ADMIN;
        struct blocked blocked;

        if (blocked_collect(&blocked, e) < 0)
                return -e->code;
        if (tap_guard(&r->slirp, &blocked, answers_host(p), e) == 0)
                return 0;
        if (!(p->confine.keep_caps & caps) && !answers_host(p))
                return 0;
        if (answers_host(p))
                return err_hint(e, "a port can then be published on 127.0.0.1 only");
        return err_hint(e, "the sandbox's raw sockets cannot be kept from this host: --cap-drop "
                           "NET_RAW --cap-drop NET_ADMIN does without them");
}

int slirp_await(struct run *r, const struct plan *p, struct err *e)
{
        int result = 0;

        if (p->net.mode != PLAN_NETWORK_USER)
                return 0;
        result = await_ready(r, e);
        if (result == 0)
                result = guard_tap(r, p, e);
        for (size_t i = 0; result == 0 && i < p->net.n_ports; i++) {
                if (!p->net.ports[i].is_udp)
                        result = slirp_api_publish(r->api_dir, &p->net.ports[i], e);
        }
        if (result < 0) {
                e->step = STEP_NETWORK;
                return err_prefix(e, "--network user");
        }
        return 0;
}
