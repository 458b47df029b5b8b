#include "config.h"

#include "parse.h"
#include "str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#define MAX_WORDS 4

/* A line, cut at its blanks; the last word has the rest. */
struct line {
        char *words[MAX_WORDS];
        size_t n;
};

static int parse_fd(const char *word, int *ret, struct err *e)
{
        uint64_t fd;

        if (parse_number(word, 0, INT_MAX, &fd, e) < 0)
                return err_prefix(e, "descriptor");
        *ret = (int)fd;
        return 0;
}

static int add_rule(struct config *c, struct line *l, struct err *e)
{
        bool is_deny = str_eq(l->words[1], "deny");
        struct net_rule rule;

        if (!is_deny && !str_eq(l->words[1], "allow"))
                return err_set(e, EINVAL, "a rule is 'allow' or 'deny', not '%s'", l->words[1]);
        const char *text = arena_copy(&c->arena, l->words[2], e);
        char *buffer = arena_alloc(&c->arena, strlen(l->words[2]) + 1, e);
        if (!text || !buffer || net_rule_parse(text, is_deny, buffer, &rule, e) < 0 ||
            arena_grow(&c->arena, &c->rules, c->n_rules, sizeof(*c->rules), CONFIG_MAX_RULES,
                       "rules", e) < 0)
                return -e->code;
        c->rules[c->n_rules++] = rule;
        return 0;
}

static int parse_forward(struct line *l, struct config_listener *ret, struct err *e)
{
        uint64_t port;

        if (parse_number(l->words[3], 1, 65535, &port, e) < 0)
                return err_prefix(e, "port");
        ret->port = (uint16_t)port;
        ret->n_addresses = 1;
        if (str_eq(l->words[2], "localhost")) {
                ret->n_addresses = 2;
                address_parse("127.0.0.1", &ret->address[0]);
                address_parse("::1", &ret->address[1]);
                return 0;
        }
        if (!address_parse(l->words[2], &ret->address[0]))
                return err_set(e, EINVAL, "'%s' is no address", l->words[2]);
        return 0;
}

static int add_listener(struct config *c, struct line *l, enum listener_kind kind, struct err *e)
{
        struct config_listener listener = { .kind = kind };

        if (parse_fd(l->words[1], &listener.fd, e) < 0 ||
            (kind == LISTENER_FORWARD && parse_forward(l, &listener, e) < 0) ||
            arena_grow(&c->arena, &c->listeners, c->n_listeners, sizeof(*c->listeners),
                       CONFIG_MAX_LISTENERS, "listeners", e) < 0)
                return -e->code;
        c->listeners[c->n_listeners++] = listener;
        return 0;
}

static int add_direct(struct config *c, struct line *l, struct err *e)
{
        return add_listener(c, l, LISTENER_DIRECT, e);
}

static int add_connect(struct config *c, struct line *l, struct err *e)
{
        return add_listener(c, l, LISTENER_CONNECT, e);
}

static int add_socks(struct config *c, struct line *l, struct err *e)
{
        return add_listener(c, l, LISTENER_SOCKS, e);
}

static int add_forward(struct config *c, struct line *l, struct err *e)
{
        return add_listener(c, l, LISTENER_FORWARD, e);
}

static int add_dns_udp(struct config *c, struct line *l, struct err *e)
{
        return add_listener(c, l, LISTENER_DNS_UDP, e);
}

static int add_dns_tcp(struct config *c, struct line *l, struct err *e)
{
        return add_listener(c, l, LISTENER_DNS_TCP, e);
}

static int said_twice(struct line *l, struct err *e)
{
        return err_set(e, EINVAL, "'%s' is said twice", l->words[0]);
}

static int set_fakes(struct config *c, struct line *l, struct err *e)
{
        char *bits = strchr(l->words[1], '/');
        struct in_addr address;
        uint64_t n;

        if (c->fakes_bits > 0)
                return said_twice(l, e);
        if (!bits)
                return err_set(e, EINVAL, "'%s' is no network", l->words[1]);
        *bits++ = '\0';
        if (inet_pton(AF_INET, l->words[1], &address) != 1)
                return err_set(e, EINVAL, "'%s' is no IPv4 address", l->words[1]);
        /* names_make() counts on some room, and on 16 bits at most */
        if (parse_number(bits, 16, 28, &n, e) < 0)
                return err_prefix(e, "the bits of the network of made-up addresses");
        if (ntohl(address.s_addr) & (UINT32_MAX >> n))
                return err_set(e, EINVAL, "'%s/%s' is no network", l->words[1], bits);
        c->fakes = ntohl(address.s_addr);
        c->fakes_bits = (uint8_t)n;
        return 0;
}

static int set_log(struct config *c, struct line *l, struct err *e)
{
        if (c->log_fd >= 0)
                return said_twice(l, e);
        return parse_fd(l->words[1], &c->log_fd, e);
}

static int set_events(struct config *c, struct line *l, struct err *e)
{
        (void)l;
        (void)e;
        c->has_events = true;
        return 0;
}

static int add_server(struct config *c, struct line *l, struct err *e)
{
        const char *before = c->dns_servers;
        struct address a;
        uint64_t port = 53;

        if (!address_parse(l->words[1], &a))
                return err_set(e, EINVAL, "'%s' is no address", l->words[1]);
        if (l->n > 2 && parse_number(l->words[2], 1, 65535, &port, e) < 0)
                return err_prefix(e, "port");
        if (c->n_dns_servers++ == CONFIG_MAX_SERVERS)
                return err_set(e, E2BIG, "there are more than %d servers of names",
                               CONFIG_MAX_SERVERS);
        c->dns_servers =
                arena_print(&c->arena, e, a.family == AF_INET6 ? "%s%s[%s]:%u" : "%s%s%s:%u",
                            before ? before : "", before ? "," : "", l->words[1], (unsigned)port);
        return c->dns_servers ? 0 : -e->code;
}

static int set_upstream(struct config *c, struct line *l, struct err *e)
{
        struct target host;
        uint64_t port;
        size_t len = strlen(l->words[1]);
        bool is_ipv6 = strchr(l->words[1], ':');

        if (c->upstream)
                return said_twice(l, e);
        if (target_parse_host(l->words[1], len, is_ipv6, &host, e) < 0)
                return err_prefix(e, "the proxy of this host");
        if (parse_number(l->words[2], 1, 65535, &port, e) < 0)
                return err_prefix(e, "port");
        c->upstream = arena_copy(&c->arena, l->words[1], e);
        c->upstream_port = (uint16_t)port;
        if (!c->upstream)
                return -e->code;
        if (l->n < 4)
                return 0;
        /* it becomes a part of a header line */
        if (l->words[3][strspn(l->words[3], "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                            "0123456789+/=")] != '\0' ||
            strlen(l->words[3]) > 1024)
                return err_set(e, EINVAL, "the login of the proxy of this host is not base64");
        c->upstream_login = arena_copy(&c->arena, l->words[3], e);
        return c->upstream_login ? 0 : -e->code;
}

static int add_exempt(struct config *c, struct line *l, struct err *e)
{
        const char *before = c->no_proxy;

        for (size_t i = 1; i < l->n; i++) {
                c->no_proxy = arena_print(&c->arena, e, "%s%s%s", before ? before : "",
                                          before ? " " : "", l->words[i]);
                if (!c->no_proxy)
                        return -e->code;
                before = c->no_proxy;
        }
        return 0;
}

static const struct key {
        const char *name;
        size_t least; /* words, with the name */
        size_t most;
        int (*apply)(struct config *c, struct line *l, struct err *e);
} keys[] = {
        { "rule", 3, 3, add_rule },
        { "listen", 2, 2, add_direct },
        { "connect", 2, 2, add_connect },
        { "socks", 2, 2, add_socks },
        { "forward", 4, 4, add_forward },
        { "dns-udp", 2, 2, add_dns_udp },
        { "dns-tcp", 2, 2, add_dns_tcp },
        { "fakes", 2, 2, set_fakes },
        { "log", 2, 2, set_log },
        { "events", 1, 1, set_events },
        { "dns-server", 2, 3, add_server },
        { "upstream", 3, 4, set_upstream },
        { "no-proxy", 2, MAX_WORDS, add_exempt },
};

static const struct key *find_key(const char *name)
{
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
                if (str_eq(keys[i].name, name))
                        return &keys[i];
        }
        return NULL;
}

static int apply_line(struct config *c, char *text, struct err *e)
{
        struct line l = { 0 };
        char *at = text;

        /* the last word of no-proxy has blanks in it, and no other may */
        while (at && l.n < MAX_WORDS - 1)
                l.words[l.n++] = str_next_field(&at, ' ');
        if (at)
                l.words[l.n++] = at;
        const struct key *key = find_key(l.words[0]);
        if (!key)
                return err_set(e, EINVAL, "'%s' is no line of a configuration", l.words[0]);
        if (l.n < key->least || l.n > key->most)
                return err_set(e, EINVAL, "'%s' has %zu words", key->name, l.n);
        for (size_t i = 0; i < l.n; i++) {
                if (l.words[i][0] == '\0' || (strchr(l.words[i], ' ') && key->apply != add_exempt))
                        return err_set(e, EINVAL, "'%s' has a blank too many", key->name);
        }
        return key->apply(c, &l, e);
}

/* What belongs together. */
static int check(const struct config *c, struct err *e)
{
        bool has_names = false;

        for (size_t i = 0; i < c->n_listeners; i++) {
                enum listener_kind kind = c->listeners[i].kind;

                has_names = has_names || kind == LISTENER_DNS_UDP || kind == LISTENER_DNS_TCP;
        }
        if (c->n_listeners == 0)
                return err_set(e, EINVAL, "there is nothing to listen on");
        if (has_names && c->fakes_bits == 0)
                return err_set(e, EINVAL, "names need a network of made-up addresses");
        return 0;
}

int config_parse(struct config *c, char *text, struct err *e)
{
        unsigned number = 0;

        *c = (struct config){ .log_fd = -1 };
        for (char *at = text; at && *at;) {
                char *line = str_next_field(&at, '\n');

                number++;
                if (apply_line(c, line, e) < 0)
                        return err_prefix(e, "line %u of the configuration", number);
        }
        return check(c, e);
}

void config_done(struct config *c)
{
        arena_done(&c->arena);
}
