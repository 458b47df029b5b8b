#include "reach.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static enum reach reach_of_v4(uint32_t a)
{
        static const struct {
                uint32_t net;
                unsigned bits;
                enum reach reach;
        } nets[] = {
                { 0x7f000000, 8, REACH_LOOPBACK }, { 0x00000000, 8, REACH_LOOPBACK },
                { 0xa9fe0000, 16, REACH_LINK },    { 0xe0000000, 4, REACH_LINK },
                { 0xf0000000, 4, REACH_LINK },     { 0x0a000000, 8, REACH_PRIVATE },
                { 0xac100000, 12, REACH_PRIVATE }, { 0xc0a80000, 16, REACH_PRIVATE },
                { 0x64400000, 10, REACH_PRIVATE },
        };

        for (size_t i = 0; i < sizeof(nets) / sizeof(nets[0]); i++) {
                if (a >> (32 - nets[i].bits) == nets[i].net >> (32 - nets[i].bits))
                        return nets[i].reach;
        }
        return REACH_PUBLIC;
}

static enum reach reach_of_v6(const struct in6_addr *a)
{
        static const uint8_t nat64[12] = { 0, 0x64, 0xff, 0x9b };
        uint32_t v4;

        memcpy(&v4, a->s6_addr + 12, sizeof(v4));
        if (IN6_IS_ADDR_V4MAPPED(a) || memcmp(a->s6_addr, nat64, sizeof(nat64)) == 0)
                return reach_of_v4(ntohl(v4));
        if (IN6_IS_ADDR_LOOPBACK(a) || IN6_IS_ADDR_UNSPECIFIED(a))
                return REACH_LOOPBACK;
        if (IN6_IS_ADDR_LINKLOCAL(a) || IN6_IS_ADDR_MULTICAST(a))
                return REACH_LINK;
        if ((a->s6_addr[0] & 0xfe) == 0xfc || IN6_IS_ADDR_SITELOCAL(a))
                return REACH_PRIVATE;
        return REACH_PUBLIC;
}

enum reach reach_of(const struct sockaddr *address)
{
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;

        if (address->sa_family == AF_INET) {
                memcpy(&v4, address, sizeof(v4));
                return reach_of_v4(ntohl(v4.sin_addr.s_addr));
        }
        if (address->sa_family == AF_INET6) {
                memcpy(&v6, address, sizeof(v6));
                return reach_of_v6(&v6.sin6_addr);
        }
        return REACH_LINK;
}

bool reach_of_address(const char *text, enum reach *ret)
{
        struct sockaddr_in v4 = { .sin_family = AF_INET };
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

        if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
                *ret = reach_of((const struct sockaddr *)&v4);
        else if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1)
                *ret = reach_of((const struct sockaddr *)&v6);
        else
                return false;
        return true;
}

enum reach reach_of_host(const char *host)
{
        static const char local[] = "localhost";
        enum reach reach = REACH_PUBLIC;
        char plain[256];
        size_t len = strlen(host);

        if (len > 2 && host[0] == '[' && host[len - 1] == ']')
                snprintf(plain, sizeof(plain), "%.*s", (int)len - 2, host + 1);
        else
                snprintf(plain, sizeof(plain), "%s", host);
        len = strlen(plain);
        /* the root's dot changes nothing */
        if (len > 1 && plain[len - 1] == '.')
                plain[--len] = '\0';
        if (reach_of_address(plain, &reach))
                return reach;
        if (len < sizeof(local) - 1 || strcasecmp(plain + len - (sizeof(local) - 1), local) != 0)
                return REACH_PUBLIC;
        return len == sizeof(local) - 1 || plain[len - sizeof(local)] == '.' ? REACH_LOOPBACK
                                                                             : REACH_PUBLIC;
}

const char *reach_name(enum reach reach)
{
        static const char *const names[] = {
                [REACH_PUBLIC] = "the internet",
                [REACH_PRIVATE] = "a local network",
                [REACH_LOOPBACK] = "this machine",
                [REACH_LINK] = "the local link",
        };

        return names[reach];
}
