#include "net-rule.h"

#include "parse.h"
#include "str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

static const uint16_t web_ports[] = { 80, 443 };

static bool is_label_byte(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool is_label(const char *label, size_t len)
{
        if (len == 0 || len > 63 || label[0] == '-' || label[len - 1] == '-')
                return false;
        for (size_t i = 0; i < len; i++) {
                if (!is_label_byte(label[i]))
                        return false;
        }
        return true;
}

/*
 * "127.1", "0x7f.1", "2130706433": resolvers take these for addresses, so no name looks so.  Nor
 * does one end in a number, as browsers have it: "127.0.0.256".
 */
static bool is_address_like(const char *name)
{
        const char *dot = strrchr(name, '.');
        const char *last = dot ? dot + 1 : name;
        struct in_addr unused;

        return inet_aton(name, &unused) != 0 ||
               (*last != '\0' && last[strspn(last, "0123456789")] == '\0');
}

bool net_rule_is_name(const char *name)
{
        if (strlen(name) > NET_RULE_MAX_NAME || is_address_like(name))
                return false;
        for (const char *label = name;; label++) {
                size_t len = strcspn(label, ".");

                if (!is_label(label, len))
                        return false;
                label += len;
                if (*label == '\0')
                        return true;
        }
}

static int parse_ports(char *text, struct net_rule *ret, struct err *e)
{
        char *last = strchr(text, '-');
        uint64_t first_port;
        uint64_t last_port;

        ret->n_ports = 1;
        ret->ports[0] = (struct net_ports){ 1, 65535 };
        if (str_eq(text, "*"))
                return 0;
        if (last)
                *last++ = '\0';
        if (parse_number(text, 1, 65535, &first_port, e) < 0 ||
            parse_number(last ? last : text, 1, 65535, &last_port, e) < 0) {
                err_prefix(e, "port");
                return err_hint(e, "a port is a number from 1 to 65535, like :443, :8000-8010 or "
                                   ":*");
        }
        if (first_port > last_port)
                return err_set(e, EINVAL, "the port range '%s-%s' ends before it begins", text,
                               last);
        ret->ports[0] = (struct net_ports){ (uint16_t)first_port, (uint16_t)last_port };
        return 0;
}

static void set_default_ports(struct net_rule *ret)
{
        ret->n_ports = NET_RULE_MAX_PORTS;
        for (size_t i = 0; i < NET_RULE_MAX_PORTS; i++)
                ret->ports[i] = (struct net_ports){ web_ports[i], web_ports[i] };
        if (!ret->is_deny)
                return;
        ret->n_ports = 1;
        ret->ports[0] = (struct net_ports){ 1, 65535 };
}

/* Cuts the port off; *ret_ports is NULL without one.  Brackets go, too. */
static int split(char *text, char **ret_host, char **ret_ports, bool *ret_has_brackets,
                 struct err *e)
{
        char *colon = strchr(text, ':');

        *ret_host = text;
        *ret_ports = NULL;
        *ret_has_brackets = text[0] == '[';
        if (text[0] == '[') {
                char *end = strchr(text, ']');

                if (!end || (end[1] != '\0' && end[1] != ':'))
                        return err_set(e, EINVAL, "'%s' is not [ADDRESS] or [ADDRESS]:PORT", text);
                *ret_host = text + 1;
                *ret_ports = end[1] == ':' ? end + 2 : NULL;
                *end = '\0';
                return 0;
        }
        /* two colons: an IPv6 address without a port */
        if (colon && !strchr(colon + 1, ':')) {
                *colon = '\0';
                *ret_ports = colon + 1;
        }
        return 0;
}

static bool has_bits_behind(const uint8_t *address, size_t size, unsigned prefix)
{
        for (size_t i = prefix; i < size * 8; i++) {
                if (address[i / 8] & (0x80u >> (i % 8)))
                        return true;
        }
        return false;
}

/* Returns 1 when `host` is an address, 0 when it is none. */
static int parse_network(char *host, struct net_rule *ret, struct err *e)
{
        static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
        char *bits = strchr(host, '/');
        uint64_t prefix;

        if (bits)
                *bits++ = '\0';
        ret->family = strchr(host, ':') ? AF_INET6 : AF_INET;
        size_t size = ret->family == AF_INET6 ? 16 : 4;
        if (inet_pton(ret->family, host, ret->address) != 1) {
                if (bits || ret->family == AF_INET6)
                        err_set(e, EINVAL, "'%s' is not an address", host);
                if (bits)
                        return err_hint(e, "a rule is HOST, HOST:PORT, ADDRESS or ADDRESS/BITS, "
                                           "without a path");
                if (ret->family == AF_INET6)
                        return err_hint(e, "an IPv6 address with a port is [ADDRESS]:PORT");
                return 0;
        }
        prefix = size * 8;
        if (bits && parse_number(bits, 0, size * 8, &prefix, e) < 0)
                return err_prefix(e, "the bits of a network");
        if (has_bits_behind(ret->address, size, (unsigned)prefix)) {
                err_set(e, EINVAL, "'%s/%s' is an address within a network, not the network", host,
                        bits);
                return err_hint(e, "the bits behind the first %s must be 0", bits);
        }
        if (ret->family == AF_INET6 && memcmp(ret->address, mapped, sizeof(mapped)) == 0) {
                err_set(e, EINVAL, "'%s' is an IPv4 address in IPv6 clothes", host);
                return err_hint(e, "write it as an IPv4 address");
        }
        ret->prefix = (uint8_t)prefix;
        ret->kind = NET_RULE_NETWORK;
        return 1;
}

static int bad_name(const char *text, const char *host, struct err *e)
{
        err_set(e, EINVAL, "'%s' is no host name", host);
        if (strstr(text, "://") || strchr(host, '/'))
                return err_hint(e, "a rule is HOST, HOST:PORT or *.HOST, without scheme and path");
        if (strchr(host, '*'))
                return err_hint(e, "a '*' stands alone in front: *.HOST");
        if (strchr(host, '@'))
                return err_hint(e, "without the user: what follows the '@'");
        if (host[strcspn(host, ", \t")])
                return err_hint(e, "each host is a rule of its own");
        for (const char *at = host; *at; at++) {
                if ((unsigned char)*at >= 0x80)
                        return err_hint(e, "international names are written in their xn-- form");
        }
        if (is_address_like(host))
                return err_hint(e, "an IPv4 address has four decimal numbers");
        return err_hint(e, "letters, digits and inner '-' and '.', like registry.npmjs.org");
}

static int parse_name(const char *text, char *host, struct net_rule *ret, struct err *e)
{
        size_t len = strlen(host);

        for (size_t i = 0; i < len; i++) {
                if (host[i] >= 'A' && host[i] <= 'Z')
                        host[i] = (char)(host[i] | 0x20);
        }
        /* a "*." is no "*": what is left of a slip must not allow everything */
        if (len > 1 && host[len - 1] == '.' && !str_eq(host, "*."))
                host[len - 1] = '\0';
        ret->kind = NET_RULE_NAME;
        ret->name = host;
        if (str_eq(host, "*")) {
                ret->kind = NET_RULE_BELOW;
                ret->name = host + 1;
                return 0;
        }
        if (str_has_prefix(host, "*.")) {
                ret->kind = NET_RULE_BELOW;
                ret->name = host + 2;
        }
        return net_rule_is_name(ret->name) ? 0 : bad_name(text, host, e);
}

int net_rule_parse(const char *text, bool is_deny, char *buffer, struct net_rule *ret,
                   struct err *e)
{
        struct net_rule rule = { .is_deny = is_deny, .text = text, .name = "" };
        bool has_brackets;
        char *host;
        char *ports;

        memcpy(buffer, text, strlen(text) + 1);
        if (strstr(text, "://"))
                return bad_name(text, text, e);
        if (split(buffer, &host, &ports, &has_brackets, e) < 0)
                return -e->code;
        if (ports && parse_ports(ports, &rule, e) < 0)
                return -e->code;
        if (!ports)
                set_default_ports(&rule);
        int is_network = parse_network(host, &rule, e);
        if (is_network < 0)
                return -e->code;
        if (has_brackets && (!is_network || rule.family != AF_INET6))
                return err_set(e, EINVAL, "'%s' in brackets is not an IPv6 address", host);
        if (!is_network && parse_name(text, host, &rule, e) < 0)
                return -e->code;
        *ret = rule;
        return 0;
}

bool net_rule_has_port(const struct net_rule *rule, uint16_t port)
{
        for (size_t i = 0; i < rule->n_ports; i++) {
                if (port >= rule->ports[i].first && port <= rule->ports[i].last)
                        return true;
        }
        return port == 0;
}

static bool is_below(const char *name, const char *parent)
{
        size_t len = strlen(name);
        size_t parent_len = strlen(parent);

        if (parent_len == 0)
                return true;
        return len > parent_len + 1 && name[len - parent_len - 1] == '.' &&
               memcmp(name + len - parent_len, parent, parent_len) == 0;
}

static bool matches_name(const struct net_rule *rule, const char *name, uint16_t port)
{
        switch (rule->kind) {
        case NET_RULE_NAME:
                return str_eq(rule->name, name) && net_rule_has_port(rule, port);
        case NET_RULE_BELOW:
                return is_below(name, rule->name) && net_rule_has_port(rule, port);
        case NET_RULE_NETWORK:
                break;
        }
        return false;
}

bool net_rule_has_same_start(const uint8_t *a, const uint8_t *b, unsigned bits)
{
        size_t whole = bits / 8;
        unsigned rest = bits % 8;

        if (memcmp(a, b, whole) != 0)
                return false;
        return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

bool net_rule_matches_address(const struct net_rule *rule, int family, const uint8_t *address,
                              uint16_t port)
{
        static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

        if (family == AF_INET6 && memcmp(address, mapped, sizeof(mapped)) == 0) {
                family = AF_INET;
                address += sizeof(mapped);
        }
        return rule->kind == NET_RULE_NETWORK && rule->family == family &&
               net_rule_has_same_start(address, rule->address, rule->prefix) &&
               net_rule_has_port(rule, port);
}

/* Who asks for any port is denied only where every port is. */
static bool decides(const struct net_rule *rule, uint16_t port)
{
        return port != 0 || !rule->is_deny ||
               (rule->ports[0].first == 1 && rule->ports[0].last == UINT16_MAX);
}

/* What is asked about: a name, or where that is NULL an address. */
struct subject {
        const char *name;
        int family;
        const uint8_t *address;
        uint16_t port;
};

static bool matches(const struct net_rule *rule, const struct subject *s)
{
        return s->name ? matches_name(rule, s->name, s->port)
                       : net_rule_matches_address(rule, s->family, s->address, s->port);
}

/* One that denies goes before all that allow. */
static const struct net_rule *find(const struct net_rule *rules, size_t n, const struct subject *s)
{
        const struct net_rule *allow = NULL;

        for (size_t i = 0; i < n; i++) {
                if (!matches(&rules[i], s) || !decides(&rules[i], s->port))
                        continue;
                if (rules[i].is_deny)
                        return &rules[i];
                if (!allow)
                        allow = &rules[i];
        }
        return allow;
}

const struct net_rule *net_rules_find_name(const struct net_rule *rules, size_t n, const char *name,
                                           uint16_t port)
{
        const struct subject subject = { .name = name, .port = port };

        return find(rules, n, &subject);
}

const struct net_rule *net_rules_find_address(const struct net_rule *rules, size_t n, int family,
                                              const uint8_t *address, uint16_t port)
{
        const struct subject subject = { .family = family, .address = address, .port = port };

        return find(rules, n, &subject);
}
