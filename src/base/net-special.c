#include "net-special.h"

#include <arpa/inet.h>
#include <string.h>

/*
 * "This host" and loopback are here for `--network user`, too, because a packet for 127.0.0.1 or
 * 0.0.0.0 that does leave the sandbox (SO_BINDTODEVICE, a raw socket) makes slirp4netns connect to
 * the host's own loopback.  So does an IPv4-mapped or 6to4 address through an IPv6 socket.
 * Sources: RFC 6890 (special-purpose addresses) and its registry; the clouds' manuals (metadata).
 */
static const struct net_special specials[] = {
        { "0.0.0.0", AF_INET, 8, true, true, "an address of this host" },
        { "127.0.0.0", AF_INET, 8, true, true, "a loopback address" },
        { "169.254.0.0", AF_INET, 16, true, true, "a link-local or metadata address" },
        { "100.100.100.200", AF_INET, 32, true, true, "a metadata address" }, /* Alibaba */
        { "168.63.129.16", AF_INET, 32, true, true, "a metadata address" },   /* Azure */
        { "192.0.0.192", AF_INET, 32, true, true, "a metadata address" },     /* Oracle */
        { "224.0.0.0", AF_INET, 3, true, true, "a multicast or reserved address" },
        { "::", AF_INET6, 96, true, true,
          "an address of this host" }, /* and IPv4-compatible ones */
        { "::ffff:0.0.0.0", AF_INET6, 96, true, true, "an IPv4-mapped address" },
        { "2002::", AF_INET6, 16, true, true, "a 6to4 address" },
        { "fd00:ec2::254", AF_INET6, 128, true, true, "a metadata address" }, /* Amazon */
        { "fd20:ce::254", AF_INET6, 128, true, true, "a metadata address" },  /* Google */
        { "fec0::", AF_INET6, 10, true, true, "a site-local address" },
        /* the kernel's own routes for these carry neighbour discovery */
        { "fe80::", AF_INET6, 10, true, false, "a link-local address" },
        { "ff00::", AF_INET6, 8, true, false, "a multicast address" },
        { "10.0.0.0", AF_INET, 8, false, true, "a private address" },
        { "172.16.0.0", AF_INET, 12, false, true, "a private address" },
        { "192.168.0.0", AF_INET, 16, false, true, "a private address" },
        { "100.64.0.0", AF_INET, 10, false, true, "a carrier's private address" },
        { "192.0.0.0", AF_INET, 24, false, true, "a reserved address" },
        { "192.88.99.0", AF_INET, 24, false, true, "a 6to4 relay's address" },
        { "198.18.0.0", AF_INET, 15, false, true, "a private address of tests and sandboxes" },
        { "fc00::", AF_INET6, 7, false, true, "a private address" },
        { "::ffff:0:0:0", AF_INET6, 96, false, true, "an IPv4-translated address" },
        { "64:ff9b::", AF_INET6, 96, false, true, "an IPv4 address behind NAT64" },
        { "64:ff9b:1::", AF_INET6, 48, false, true, "an IPv4 address behind NAT64" },
        { "2001::", AF_INET6, 32, false, true, "a Teredo address" },
        { "100::", AF_INET6, 64, false, true, "a discard-only address" },
};

#define N_SPECIALS (sizeof(specials) / sizeof(specials[0]))

const struct net_special *net_specials(size_t *ret_n)
{
        *ret_n = N_SPECIALS;
        return specials;
}

static bool has(const struct net_special *special, const uint8_t *address)
{
        uint8_t own[16];

        return inet_pton(special->family, special->address, own) == 1 &&
               net_rule_has_same_start(own, address, special->prefix);
}

bool net_special_is_ours(int family, const uint8_t *address)
{
        static const uint8_t ours[4] = { 198, 18, 0, 0 };

        return family == AF_INET && net_rule_has_same_start(ours, address, 15);
}

const struct net_special *net_special_find(int family, const uint8_t *address, size_t from)
{
        for (size_t i = from; i < N_SPECIALS; i++) {
                if (specials[i].family == family && has(&specials[i], address))
                        return &specials[i];
        }
        return NULL;
}

bool net_special_is_opened(const struct net_rule *rules, size_t n, int family,
                           const uint8_t *address, uint16_t port)
{
        uint8_t narrowest = 0;

        for (size_t i = 0; i < N_SPECIALS; i++) {
                if (specials[i].family == family && specials[i].prefix > narrowest &&
                    has(&specials[i], address))
                        narrowest = specials[i].prefix;
        }
        for (size_t i = 0; i < n; i++) {
                if (!rules[i].is_deny && rules[i].prefix >= narrowest &&
                    net_rule_matches_address(&rules[i], family, address, port))
                        return true;
        }
        return false;
}
