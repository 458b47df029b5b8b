#include "apply.h"

#include "parse.h"
#include "str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

/* The settings of [network] and the options of the network. */

static bool is_address(const char *text, bool *ret_is_v6)
{
        unsigned char binary[16];
        bool is_v6 = strchr(text, ':') != NULL;

        if (ret_is_v6)
                *ret_is_v6 = is_v6;
        return inet_pton(is_v6 ? AF_INET6 : AF_INET, text, binary) == 1;
}

/* Whether two settings stand in the same file, or are both options. */
static bool is_same_source(const char *one, const char *other)
{
        size_t len = strcspn(one, ":");

        if (str_has_prefix(one, "option ") || str_has_prefix(other, "option "))
                return str_has_prefix(one, "option ") && str_has_prefix(other, "option ");
        return len == strcspn(other, ":") && strncmp(one, other, len) == 0;
}

static const char *const mode_names[] = {
        [PLAN_NETWORK_NONE] = "none",
        [PLAN_NETWORK_USER] = "user",
        [PLAN_NETWORK_HOST] = "host",
        [PLAN_NETWORK_FILTERED] = "filtered",
        NULL,
};

/* Where the same source asked for what only a filtered network has. */
static const char *find_filtered(const struct plan_net *net, const char *origin)
{
        for (size_t i = 0; i < net->n_rules; i++) {
                const struct net_rule *rule = &net->rules[i];

                if (!rule->is_deny && is_same_source(rule->origin, origin))
                        return rule->origin;
        }
        if (net->host_port_origin && is_same_source(net->host_port_origin, origin))
                return net->host_port_origin;
        return NULL;
}

/* What comes later wins; within one source a contradiction is a mistake. */
static int set_mode(struct plan_net *net, enum plan_network mode, const char *origin, struct err *e)
{
        const char *filtered = find_filtered(net, origin);

        if (mode != PLAN_NETWORK_FILTERED && filtered) {
                err_set(e, EINVAL, "'%s' is not the filtered network that %s needs",
                        mode_names[mode], filtered);
                return err_hint(e, "leave one of the two out");
        }
        net->mode = mode;
        net->mode_origin = origin;
        return 0;
}

/* A filtered network, unless the same source has asked for another one. */
static int imply_filtered(struct plan_net *net, const char *origin, struct err *e)
{
        if (net->mode == PLAN_NETWORK_FILTERED)
                return 0;
        if (net->mode_origin && is_same_source(net->mode_origin, origin)) {
                err_set(e, EINVAL, "it needs a filtered network, but %s asks for '%s'",
                        net->mode_origin, mode_names[net->mode]);
                return err_hint(e, "leave one of the two out");
        }
        net->mode = PLAN_NETWORK_FILTERED;
        net->mode_origin = origin;
        return 0;
}

int apply_network(struct assembly *a, const struct setting *s, struct err *e)
{
        for (size_t i = 0; mode_names[i]; i++) {
                if (str_eq(s->value, mode_names[i]))
                        return set_mode(&a->plan->net, (enum plan_network)i, s->origin, e);
        }
        err_set(e, EINVAL, "unknown network mode '%s'", s->value);
        const char *near = str_nearest(s->value, mode_names);
        return near ? err_hint(e, "did you mean '%s'", near)
                    : err_hint(e, "none, user, filtered and host are known");
}

static int add_rule(struct assembly *a, const struct setting *s, bool is_deny, struct err *e)
{
        struct plan_net *net = &a->plan->net;
        struct net_rule rule;
        const char *text = arena_copy(&a->plan->arena, s->value, e);
        char *buffer = text ? arena_copy(&a->plan->arena, s->value, e) : NULL;

        if (!buffer || net_rule_parse(text, is_deny, buffer, &rule, e) < 0)
                return -e->code;
        rule.origin = s->origin;
        if (arena_grow(&a->plan->arena, &net->rules, net->n_rules, sizeof(rule), PLAN_MAX_NET,
                       "rules of the network", e) < 0)
                return -e->code;
        net->rules[net->n_rules++] = rule;
        return 0;
}

int apply_allow(struct assembly *a, const struct setting *s, struct err *e)
{
        if (add_rule(a, s, false, e) < 0)
                return -e->code;
        return imply_filtered(&a->plan->net, s->origin, e);
}

int apply_deny(struct assembly *a, const struct setting *s, struct err *e)
{
        return add_rule(a, s, true, e);
}

static int parse_port(const char *text, uint16_t *ret, struct err *e)
{
        uint64_t port;

        if (strchr(text, '-')) {
                err_set(e, ENOTSUP, "port range '%s' is not yet supported", text);
                return err_hint(e, "name each port by an option of its own");
        }
        if (parse_number(text, 1, 65535, &port, e) < 0) {
                err_prefix(e, "port");
                return err_hint(e, "ports are numbers from 1 to 65535");
        }
        *ret = (uint16_t)port;
        return 0;
}

/* Takes "IP:" or "[IP]:" off the front of *at, if there is one. */
static int take_address(char **at, const char **ret, struct err *e)
{
        char *text = *at;
        bool is_v6;

        *ret = "127.0.0.1";
        if (text[0] == '[') {
                char *end = strstr(text, "]:");

                if (!end)
                        return err_set(e, EINVAL, "'%s' has no address in brackets", text);
                *end = '\0';
                *ret = text + 1;
                *at = end + 2;
                if (!is_address(*ret, &is_v6) || !is_v6)
                        return err_set(e, EINVAL, "'%s' is not an IPv6 address", *ret);
                return 0;
        }
        char *first = strchr(text, ':');
        if (!first || !strchr(first + 1, ':'))
                return 0;
        *first = '\0';
        *ret = text;
        *at = first + 1;
        if (!is_address(*ret, NULL))
                return err_set(e, EINVAL, "'%s' is not an IP address", *ret);
        return 0;
}

/* [IP:]HOST:BOX[/tcp|/udp] */
int apply_publish(struct assembly *a, const struct setting *s, struct err *e)
{
        struct plan_net *net = &a->plan->net;
        char *at = arena_copy(&a->plan->arena, s->value, e);
        struct plan_port port = { 0 };

        if (!at)
                return -e->code;
        char *protocol = strrchr(at, '/');
        if (protocol)
                *protocol++ = '\0';
        if (protocol && !str_eq(protocol, "tcp") && !str_eq(protocol, "udp")) {
                err_set(e, EINVAL, "protocol '%s' is neither tcp nor udp", protocol);
                return err_hint(e, "slirp4netns forwards no other");
        }
        port.is_udp = protocol && str_eq(protocol, "udp");

        static const char hint[] = "like 8080:80, 0.0.0.0:8080:80 or 5353:53/udp";
        if (take_address(&at, &port.host_address, e) < 0)
                return err_hint(e, hint);
        const char *host_port = str_next_field(&at, ':');
        if (!at || strchr(at, ':')) {
                err_set(e, EINVAL, "'%s' is not [IP:]HOST:BOX", s->value);
                return err_hint(e, hint);
        }
        if (parse_port(host_port, &port.host_port, e) < 0 || parse_port(at, &port.box_port, e) < 0)
                return -e->code;
        if (arena_grow(&a->plan->arena, &net->ports, net->n_ports, sizeof(port), PLAN_MAX_PORTS,
                       "published ports", e) < 0)
                return -e->code;
        net->ports[net->n_ports++] = port;
        return 0;
}

int apply_host_port(struct assembly *a, const struct setting *s, struct err *e)
{
        struct plan_net *net = &a->plan->net;
        uint16_t port;

        if (parse_port(s->value, &port, e) < 0 || imply_filtered(net, s->origin, e) < 0)
                return -e->code;
        for (size_t i = 0; i < net->n_host_ports; i++) {
                if (net->host_ports[i] == port)
                        return 0;
        }
        if (arena_grow(&a->plan->arena, &net->host_ports, net->n_host_ports, sizeof(port),
                       PLAN_MAX_PORTS, "ports of the host", e) < 0)
                return -e->code;
        net->host_ports[net->n_host_ports++] = port;
        net->host_port_origin = s->origin;
        return 0;
}

int apply_net_log(struct assembly *a, const struct setting *s, struct err *e)
{
        if (str_eq(s->value, "-")) {
                err_set(e, EINVAL, "'-' is no file, and stdout is the command's own");
                return err_hint(e, "--net-log ./- is one of that name");
        }
        return apply_expand(a, s, s->value, &a->plan->net.log, e);
}

#define MAX_DNS 3 /* resolvers look at no more: MAXNS of resolv.h */

int apply_dns(struct assembly *a, const struct setting *s, struct err *e)
{
        struct plan_net *net = &a->plan->net;
        const char *address = arena_copy(&a->plan->arena, s->value, e);

        if (!address)
                return -e->code;
        if (!is_address(address, NULL)) {
                err_set(e, EINVAL, "'%s' is not an IP address", address);
                return err_hint(e, "a server is named by its address, like 9.9.9.9");
        }
        if (arena_grow(&a->plan->arena, &net->dns, net->n_dns, sizeof(*net->dns), MAX_DNS,
                       "DNS servers", e) < 0)
                return -e->code;
        net->dns[net->n_dns++] = address;
        return 0;
}

/* NAME:IP, and NAME=IP as newer dockers have it */
int apply_add_host(struct assembly *a, const struct setting *s, struct err *e)
{
        struct plan_net *net = &a->plan->net;
        char *name = arena_copy(&a->plan->arena, s->value, e);

        if (!name)
                return -e->code;
        char *address = strpbrk(name, ":=");
        if (!address) {
                err_set(e, EINVAL, "'%s' is not NAME:IP", name);
                return err_hint(e, "like db.example:10.0.0.5");
        }
        *address++ = '\0';
        size_t len = strlen(address);
        if (len > 2 && address[0] == '[' && address[len - 1] == ']') {
                address[len - 1] = '\0';
                address++;
        }
        if (!parse_is_host_name(name))
                return err_set(e, EINVAL, "'%s' is not a host name", name);
        if (str_eq(address, "host-gateway"))
                return err_set(e, ENOTSUP,
                               "'host-gateway' is not supported: "
                               "the host's own services are closed to a sandbox");
        if (!is_address(address, NULL))
                return err_set(e, EINVAL, "'%s' is not an IP address", address);
        if (arena_grow(&a->plan->arena, &net->hosts, net->n_hosts, sizeof(*net->hosts),
                       PLAN_MAX_HOSTS, "host names", e) < 0)
                return -e->code;
        net->hosts[net->n_hosts++] = (struct plan_host_name){ .name = name, .address = address };
        return 0;
}

int apply_host_name(struct assembly *a, const struct setting *s, struct err *e)
{
        if (!parse_is_host_name(s->value)) {
                err_set(e, EINVAL, "'%s' is not a host name", s->value);
                return err_hint(e, "letters, digits and inner '-' and '.', at most 64");
        }
        a->plan->net.host_name = arena_copy(&a->plan->arena, s->value, e);
        return a->plan->net.host_name ? 0 : -e->code;
}
