#include "blocked.h"

#include "net-special.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

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
        size_t n;
        const struct net_special *fixed = net_specials(&n);

        for (size_t i = 0; i < n; i++) {
                uint8_t address[16];

                if (!fixed[i].is_refused_always)
                        continue;
                if (inet_pton(fixed[i].family, fixed[i].address, address) != 1)
                        return err_set(e, EINVAL, "'%s' is not an address", fixed[i].address);
                if (add(b, fixed[i].family, address, fixed[i].prefix, fixed[i].has_route, e) < 0)
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

const struct blocked_net *blocked_find(const struct blocked *b, int family, const void *address)
{
        for (size_t i = 0; i < b->n; i++) {
                const struct blocked_net *net = &b->nets[i];

                if (net->family == family &&
                    net_rule_has_same_start(net->address, address, net->prefix))
                        return net;
        }
        return NULL;
}
