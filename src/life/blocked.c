#include "blocked.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

struct fixed_net {
        const char *address;
        int family;
        uint8_t prefix;
        bool has_route;
};

/*
 * "This host" and loopback are here because a packet for 127.0.0.1 or 0.0.0.0 that does leave the
 * sandbox (SO_BINDTODEVICE, a raw socket) makes slirp4netns connect to the host's own loopback.
 * So does an IPv4-mapped or 6to4 address through an IPv6 socket.
 * Sources: RFC 6890 (special-purpose addresses); the clouds' manuals (metadata services).
 */
static const struct fixed_net fixed_nets[] = {
        { "0.0.0.0", AF_INET, 8, true },          /* this host */
        { "127.0.0.0", AF_INET, 8, true },        /* loopback */
        { "169.254.0.0", AF_INET, 16, true },     /* link-local, and most clouds' metadata */
        { "100.100.100.200", AF_INET, 32, true }, /* metadata: Alibaba */
        { "168.63.129.16", AF_INET, 32, true },   /* metadata: Azure */
        { "192.0.0.192", AF_INET, 32, true },     /* metadata: Oracle */
        { "224.0.0.0", AF_INET, 3, true },        /* multicast, reserved, broadcast */
        { "::", AF_INET6, 96, true },             /* this host, loopback, IPv4-compatible */
        { "::ffff:0.0.0.0", AF_INET6, 96, true }, /* IPv4-mapped */
        { "2002::", AF_INET6, 16, true },         /* 6to4 */
        { "fd00:ec2::254", AF_INET6, 128, true }, /* metadata: Amazon */
        { "fd20:ce::254", AF_INET6, 128, true },  /* metadata: Google */
        { "fec0::", AF_INET6, 10, true },         /* site-local */
        /* the kernel's own routes for these carry neighbour discovery */
        { "fe80::", AF_INET6, 10, false }, /* link-local */
        { "ff00::", AF_INET6, 8, false },  /* multicast */
};

/*
 * What slirp4netns itself goes by, gateway and DNS.  A host that has one of these cannot be reached
 * under it either: --disable-host-loopback refuses the gateway, and the DNS answers DNS alone.
 */
static const char *const own_addresses[] = { "10.0.2.2", "10.0.2.3", "fd00::2", "fd00::3" };

static int add(struct blocked *b, int family, const void *address, uint8_t prefix, bool has_route,
               struct err *e)
{
        char text[INET6_ADDRSTRLEN];

        if (b->n == BLOCKED_MAX)
                return err_set(e, E2BIG,
                               "this host has more than the %d addresses that can be "
                               "kept from the sandbox",
                               BLOCKED_MAX);
        struct blocked_net *net = &b->nets[b->n++];
        *net = (struct blocked_net){ .family = family, .prefix = prefix, .has_route = has_route };
        memcpy(net->address, address, family == AF_INET ? 4 : 16);
        inet_ntop(family, address, text, sizeof(text));
        snprintf(net->name, sizeof(net->name), "%s/%u", text, (unsigned)prefix);
        return 0;
}

static int add_fixed(struct blocked *b, struct err *e)
{
        for (size_t i = 0; i < sizeof(fixed_nets) / sizeof(fixed_nets[0]); i++) {
                const struct fixed_net *fixed = &fixed_nets[i];
                uint8_t address[16];

                if (inet_pton(fixed->family, fixed->address, address) != 1)
                        return err_set(e, EINVAL, "'%s' is not an address", fixed->address);
                if (add(b, fixed->family, address, fixed->prefix, fixed->has_route, e) < 0)
                        return -e->code;
        }
        return 0;
}

static bool is_slirps_own(int family, const void *address)
{
        uint8_t own[16];

        for (size_t i = 0; i < sizeof(own_addresses) / sizeof(own_addresses[0]); i++) {
                if (inet_pton(family, own_addresses[i], own) == 1 &&
                    memcmp(own, address, family == AF_INET ? 4 : 16) == 0)
                        return true;
        }
        return false;
}

/* One address of the host, unless it is covered already or is one of slirp4netns's own. */
static int add_host_address(struct blocked *b, const struct sockaddr *sa, struct err *e)
{
        const void *address;

        if (!sa || (sa->sa_family != AF_INET && sa->sa_family != AF_INET6))
                return 0;
        if (sa->sa_family == AF_INET)
                address = &((const struct sockaddr_in *)sa)->sin_addr;
        else
                address = &((const struct sockaddr_in6 *)sa)->sin6_addr;
        if (blocked_find(b, sa->sa_family, address) || is_slirps_own(sa->sa_family, address))
                return 0;
        if (add(b, sa->sa_family, address, sa->sa_family == AF_INET ? 32 : 128, true, e) < 0)
                return -e->code;
        b->nets[b->n - 1].is_host = true;
        return 0;
}

static int add_host(struct blocked *b, struct err *e)
{
        struct ifaddrs *list;
        int r = 0;

        if (getifaddrs(&list) < 0)
                return err_sys(e, "cannot list the addresses of this host");
        for (struct ifaddrs *at = list; at && r == 0; at = at->ifa_next)
                r = add_host_address(b, at->ifa_addr, e);
        freeifaddrs(list);
        return r;
}

int blocked_collect(struct blocked *b, struct err *e)
{
        b->n = 0;
        if (add_fixed(b, e) < 0)
                return -e->code;
        return add_host(b, e);
}

static bool covers(const struct blocked_net *net, const uint8_t *address)
{
        size_t whole = net->prefix / 8;
        unsigned rest = net->prefix % 8;

        if (memcmp(net->address, address, whole) != 0)
                return false;
        return rest == 0 || ((net->address[whole] ^ address[whole]) >> (8 - rest)) == 0;
}

const struct blocked_net *blocked_find(const struct blocked *b, int family, const void *address)
{
        for (size_t i = 0; i < b->n; i++) {
                if (b->nets[i].family == family && covers(&b->nets[i], address))
                        return &b->nets[i];
        }
        return NULL;
}
