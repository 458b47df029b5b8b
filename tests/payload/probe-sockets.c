#include "probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

/* Socket families, and what can be reached through sockets. */

#define N_FAMILIES    47
#define N_NL_PROTOCOL 23

static bool is_ordinary_family(int family)
{
        return family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK;
}

static bool is_unreachable(const struct outcome *o)
{
        return is_denied(o) || o->err == EAFNOSUPPORT;
}

static void check_family(struct report *r, int family)
{
        static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET };
        const long high = 1L << 32;
        struct outcome worst = { .err = EPERM };
        bool is_open = false;
        int n_known = 0;

        for (size_t t = 0; t < 4; t++) {
                for (int with_high = 0; with_high < 2; with_high++) {
                        struct call c = { "socket",
                                          SYS_socket,
                                          PROVABLE,
                                          { family | (with_high ? high : 0), types[t], 0 } };
                        struct outcome o = attempt_call(&c);

                        n_known += o.err != EAFNOSUPPORT;
                        if (!is_unreachable(&o) && !is_open) {
                                is_open = true;
                                worst = o;
                        }
                }
        }
        /* what the kernel has not, or gives to root alone, cannot be shown open */
        bool is_provable = n_known > 0 && family == AF_VSOCK;
        report_item(r, is_open, is_provable ? PROVABLE : UNPROVABLE, "family %d (%s)", family,
                    outcome_text(&worst));
}

static void check_families(struct report *r, const struct facts *f)
{
        (void)f;
        for (int family = 0; family < N_FAMILIES; family++) {
                if (!is_ordinary_family(family))
                        check_family(r, family);
        }
}

/* A filter may answer as a kernel that has no such protocol; what is always there proves it. */
static void check_netlink_protocol(struct report *r, int protocol, long high)
{
        struct call c = {
                "socket", SYS_socket, PROVABLE, { AF_NETLINK, SOCK_RAW, protocol | high }
        };
        struct outcome o = attempt_call(&c);
        bool is_always_there = protocol == NETLINK_KOBJECT_UEVENT || protocol == NETLINK_GENERIC;

        report_item(r, !is_unreachable(&o) && o.err != EPROTONOSUPPORT,
                    is_always_there ? PROVABLE : UNPROVABLE, "netlink protocol %s%d (%s)",
                    high ? "1<<32|" : "", protocol, outcome_text(&o));
}

static void check_netlink(struct report *r, const struct facts *f)
{
        (void)f;
        for (int protocol = 1; protocol < N_NL_PROTOCOL; protocol++) {
                check_netlink_protocol(r, protocol, 0);
                check_netlink_protocol(r, protocol, 1L << 32);
        }
}

static long raw_socket(void *arg)
{
        return socket(*(int *)arg, SOCK_RAW, IPPROTO_RAW);
}

/* caps without CAP_NET_RAW */
static void check_raw(struct report *r, const struct facts *f)
{
        int families[] = { AF_INET, AF_INET6 };

        if (fact_number(f, "caps", 16, 0) & (1UL << 13)) {
                report_item(r, false, UNPROVABLE, "CAP_NET_RAW was asked for");
                return;
        }
        expect_denied(r, PROVABLE, "raw IPv4", raw_socket, &families[0]);
        expect_denied(r, PROVABLE, "raw IPv6", raw_socket, &families[1]);
}

static long connect_abstract(void *arg)
{
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        const char *name = arg;
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0)
                return -1;
        strncpy(a.sun_path + 1, name, sizeof(a.sun_path) - 2);
        return connect(fd, (struct sockaddr *)&a,
                       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name)));
}

static void check_one_abstract(const char *name, void *arg)
{
        expect_fails(arg, PROVABLE, name, connect_abstract, (void *)(size_t)name);
}

/* abstract=NAME: a host program listens there */
static void check_abstract(struct report *r, const struct facts *f)
{
        list_each(fact(f, "abstract"), check_one_abstract, r);
}

static long connect_path(void *arg)
{
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0)
                return -1;
        snprintf(a.sun_path, sizeof(a.sun_path), "%s", (const char *)arg);
        return connect(fd, (struct sockaddr *)&a, sizeof(a));
}

static void check_one_socket(const char *path, void *arg)
{
        expect_fails(arg, PROVABLE, path, connect_path, (void *)(size_t)path);
}

/* socket=PATH: a host program listens there */
static void check_path_sockets(struct report *r, const struct facts *f)
{
        list_each(fact(f, "socket"), check_one_socket, r);
}

static long write_fifo(void *arg)
{
        struct stat st;
        int fd = open(arg, O_RDWR | O_NONBLOCK | O_CLOEXEC);

        if (fd < 0 || fstat(fd, &st) < 0)
                return -1;
        if (!S_ISFIFO(st.st_mode)) {
                errno = ENOENT;
                return -1;
        }
        return write(fd, "x", 1);
}

static void check_one_fifo(const char *path, void *arg)
{
        expect_fails(arg, PROVABLE, path, write_fifo, (void *)(size_t)path);
}

/* fifo=PATH: a host program may read from it */
static void check_fifos(struct report *r, const struct facts *f)
{
        list_each(fact(f, "fifo"), check_one_fifo, r);
}

/* ADDRESS/PORT, as IPv6 addresses have colons */
static long connect_inet(void *arg)
{
        char text[128];
        struct sockaddr_in in = { .sin_family = AF_INET };
        struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

        snprintf(text, sizeof(text), "%s", (const char *)arg);
        char *port = strchr(text, '/');
        if (!port) {
                errno = EINVAL;
                return -1;
        }
        *port++ = '\0';
        bool is_v4 = inet_pton(AF_INET, text, &in.sin_addr) == 1;
        if (!is_v4 && inet_pton(AF_INET6, text, &in6.sin6_addr) != 1) {
                errno = EINVAL;
                return -1;
        }
        in.sin_port = in6.sin6_port = htons((uint16_t)atoi(port));
        int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -1;
        alarm(4); /* no answer is no connection */
        return is_v4 ? connect(fd, (struct sockaddr *)&in, sizeof(in))
                     : connect(fd, (struct sockaddr *)&in6, sizeof(in6));
}

static void check_one_connect(const char *to, void *arg)
{
        struct outcome o = attempt(connect_inet, (void *)(size_t)to);

        if (o.err == EINVAL) {
                fprintf(stderr, "probe: '%s' is no ADDRESS/PORT\n", to);
                exit(2);
        }
        report_item(arg, o.err == 0 && o.sig == 0, PROVABLE, "%s (%s)", to, outcome_text(&o));
}

/* connect=ADDRESS/PORT: where a host program listens */
static void check_connect(struct report *r, const struct facts *f)
{
        list_each(fact(f, "connect"), check_one_connect, r);
}

/* net=none: loopback alone; net=user: one tap beside it */
static void check_interfaces(struct report *r, const struct facts *f)
{
        struct if_nameindex *list = if_nameindex();
        bool is_user = strcmp(fact(f, "net"), "user") == 0;
        bool has_lo = false;

        if (!list) {
                report_item(r, true, PROVABLE, "interfaces cannot be listed");
                return;
        }
        for (struct if_nameindex *i = list; i->if_index; i++) {
                bool is_lo = strcmp(i->if_name, "lo") == 0;
                bool is_tap = is_user && strncmp(i->if_name, "tap", 3) == 0;

                has_lo |= is_lo;
                report_item(r, !is_lo && !is_tap, UNPROVABLE, "interface %s", i->if_name);
        }
        report_item(r, !has_lo, UNPROVABLE, "there is a loopback interface");
        if_freenameindex(list);
}

static long loopback_works(void *arg)
{
        struct sockaddr_in in = { .sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t len = sizeof(in);
        int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        (void)arg;

        if (bind(listener, (struct sockaddr *)&in, len) < 0 || listen(listener, 1) < 0 ||
            getsockname(listener, (struct sockaddr *)&in, &len) < 0)
                return -1;
        return connect(fd, (struct sockaddr *)&in, len);
}

static void check_loopback(struct report *r, const struct facts *f)
{
        struct outcome o = attempt(loopback_works, NULL);
        (void)f;

        report_item(r, o.err || o.sig, UNPROVABLE, "loopback is up (%s)", outcome_text(&o));
}

const struct check checks_sockets[] = {
        { "families", "host", NULL, check_families },
        { "netlink", "host", NULL, check_netlink },
        { "raw", "userns", "caps", check_raw },
        { "loopback", "none", "net", check_loopback },
        { "interfaces", "none", "net", check_interfaces },
        { "abstract", "planted", "abstract", check_abstract },
        { "path-sockets", "planted", "socket", check_path_sockets },
        { "fifos", "planted", "fifo", check_fifos },
        { "connect", "planted", "connect", check_connect },
        { NULL, NULL, NULL, NULL },
};
