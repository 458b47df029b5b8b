#include "no-proxy.h"

#include "net-rule.h"
#include "parse.h"
#include "str.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct address {
        unsigned bits; /* 0: it is a name */
        unsigned char bytes[16];
};

static struct address read_address(const char *text)
{
        struct address a = { 0 };

        if (inet_pton(AF_INET, text, a.bytes) == 1)
                a.bits = 32;
        else if (inet_pton(AF_INET6, text, a.bytes) == 1)
                a.bits = 128;
        return a;
}

/* Cuts what may stand around a host and means nothing: brackets, and the dot of the root. */
static void strip(char *host)
{
        size_t len = strlen(host);

        if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
                memmove(host, host + 1, len - 2);
                host[len - 2] = '\0';
        } else if (len > 1 && host[len - 1] == '.') {
                host[len - 1] = '\0';
        }
}

/* `net` is ADDRESS or ADDRESS/BITS; it is taken apart. */
static bool is_in_net(const struct address *a, char *net)
{
        char *slash = strchr(net, '/');
        struct err unused = { 0 };
        uint64_t bits = a->bits;

        if (slash)
                *slash = '\0';
        strip(net);
        struct address b = read_address(net);
        if (b.bits != a->bits)
                return false;
        if (slash && parse_number(slash + 1, 0, a->bits, &bits, &unused) < 0)
                return false;
        return net_rule_has_same_start(a->bytes, b.bytes, (unsigned)bits);
}

static bool is_below(const char *host, char *name)
{
        strip(name);
        if (name[0] == '.')
                name++;
        size_t len = strlen(host);
        size_t n = strlen(name);
        if (n == 0 || n > len || strcasecmp(host + len - n, name) != 0)
                return false;
        return n == len || host[len - n - 1] == '.';
}

bool no_proxy_has(const char *list, const char *host)
{
        static const char blanks[] = ", \t";
        char plain[256];

        snprintf(plain, sizeof(plain), "%s", host);
        strip(plain);
        const struct address address = read_address(plain);
        for (list += strspn(list, blanks); *list; list += strspn(list, blanks)) {
                size_t len = strcspn(list, blanks);
                char entry[300];

                /* a longer one is no host */
                snprintf(entry, sizeof(entry), "%.*s", len < sizeof(entry) ? (int)len : 0, list);
                list += len;
                if (str_eq(entry, "*"))
                        return true;
                if (address.bits > 0 && is_in_net(&address, entry))
                        return true;
                if (address.bits == 0 && is_below(plain, entry))
                        return true;
        }
        return false;
}
