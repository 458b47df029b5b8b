#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static size_t address_size(const struct address *a)
{
        return a->family == AF_INET ? 4 : 16;
}

bool address_parse(const char *text, struct address *ret)
{
        struct address a = { 0 };

        a.family = strchr(text, ':') ? AF_INET6 : AF_INET;
        if (inet_pton(a.family, text, a.bytes) != 1)
                return false;
        *ret = a;
        return true;
}

bool address_from_socket(const struct sockaddr_storage *sa, struct address *ret, uint16_t *ret_port)
{
        const struct sockaddr_in *in = (const struct sockaddr_in *)sa;
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;

        *ret = (struct address){ 0 };
        if (sa->ss_family == AF_INET) {
                ret->family = AF_INET;
                memcpy(ret->bytes, &in->sin_addr, 4);
                *ret_port = ntohs(in->sin_port);
                return true;
        }
        if (sa->ss_family != AF_INET6)
                return false;
        const uint8_t *bytes = in6->sin6_addr.s6_addr;
        bool is_mapped = memcmp(bytes, mapped, sizeof(mapped)) == 0;
        ret->family = is_mapped ? AF_INET : AF_INET6;
        memcpy(ret->bytes, is_mapped ? bytes + sizeof(mapped) : bytes, address_size(ret));
        *ret_port = ntohs(in6->sin6_port);
        return true;
}

socklen_t address_to_socket(const struct address *a, uint16_t port, struct sockaddr_storage *ret)
{
        struct sockaddr_in *in = (struct sockaddr_in *)ret;
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;

        *ret = (struct sockaddr_storage){ .ss_family = a->family };
        if (a->family == AF_INET) {
                memcpy(&in->sin_addr, a->bytes, 4);
                in->sin_port = htons(port);
                return sizeof(*in);
        }
        memcpy(&in6->sin6_addr, a->bytes, 16);
        in6->sin6_port = htons(port);
        return sizeof(*in6);
}

bool address_is_same(const struct address *a, const struct address *b)
{
        return a->family == b->family && memcmp(a->bytes, b->bytes, address_size(a)) == 0;
}

const char *address_print(const struct address *a, char *text)
{
        text[0] = '\0';
        if (a->family != 0)
                inet_ntop(a->family, a->bytes, text, ADDRESS_TEXT);
        return text;
}

/* A copy in lower case without the dot of the root; its bytes are the ones that are judged. */
static bool take_name(const char *host, size_t len, char *ret)
{
        if (len > 1 && host[len - 1] == '.')
                len--;
        if (len == 0 || len > NET_RULE_MAX_NAME)
                return false;
        for (size_t i = 0; i < len; i++) {
                bool is_upper = host[i] >= 'A' && host[i] <= 'Z';

                if (host[i] == '\0')
                        return false;
                ret[i] = (char)(is_upper ? host[i] | 0x20 : host[i]);
        }
        ret[len] = '\0';
        return net_rule_is_name(ret);
}

int target_parse_host(const char *host, size_t len, bool has_brackets, struct target *ret,
                      struct err *e)
{
        char text[NET_RULE_MAX_NAME + 2] = "";
        struct address a;

        if (len > NET_RULE_MAX_NAME + 1 || memchr(host, '\0', len))
                return err_set(e, EINVAL, "this is no host name");
        memcpy(text, host, len);
        if (address_parse(text, &a) && has_brackets == (a.family == AF_INET6)) {
                ret->name[0] = '\0';
                ret->address = a;
                return 0;
        }
        if (has_brackets || !take_name(host, len, ret->name)) {
                ret->name[0] = '\0';
                return err_set(e, EINVAL, "'%s' is no host name", text);
        }
        ret->address = (struct address){ 0 };
        return 0;
}

const char *target_print_host(const struct target *t, char *text)
{
        if (t->name[0] == '\0')
                return address_print(&t->address, text);
        snprintf(text, NET_RULE_MAX_NAME + 1, "%s", t->name);
        return text;
}
