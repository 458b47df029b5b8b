#include "observe-net.h"

#include "io.h"
#include "mem.h"
#include "net-special.h"
#include "str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define MAX_TABLE (1u << 20)

#define DNS_HEADER 12u
#define DNS_PORT   53

const char *observe_unix_path(const struct sockaddr_storage *address, size_t len,
                              char ret[sizeof(struct sockaddr_storage)])
{
        size_t start = offsetof(struct sockaddr_un, sun_path);

        if (address->ss_family != AF_UNIX || len <= start || len > sizeof(*address))
                return NULL;
        memcpy(ret, (const char *)address + start, len - start);
        ret[len - start] = '\0';
        return ret[0] ? ret : NULL;
}

struct target {
        int family;
        uint8_t address[16];
        uint16_t port;
        bool is_datagram;
};

/* An IPv4 address in an IPv6 one is the IPv4 one: to the kernel, and to who reads of it. */
static bool read_target(const struct sockaddr_storage *address, size_t len, struct target *ret)
{
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;

        *ret = (struct target){ .family = address->ss_family };
        if (ret->family == AF_INET && len >= sizeof(*v4)) {
                memcpy(ret->address, &v4->sin_addr, 4);
                ret->port = ntohs(v4->sin_port);
                return true;
        }
        /* the kernel takes one without the scope, too: RFC 2133 */
        if (ret->family != AF_INET6 || len < offsetof(struct sockaddr_in6, sin6_scope_id))
                return false;
        ret->port = ntohs(v6->sin6_port);
        if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
                ret->family = AF_INET;
                memcpy(ret->address, &v6->sin6_addr.s6_addr[12], 4);
        } else {
                memcpy(ret->address, &v6->sin6_addr, 16);
        }
        return true;
}

/* Loopback, or "this host", which is the same to connect(2). */
static bool is_loopback(const struct target *t)
{
        static const uint8_t none[16] = { 0 };

        if (t->family == AF_INET)
                return t->address[0] == 127 || memcmp(t->address, none, 4) == 0;
        return memcmp(t->address, none, 15) == 0 && t->address[15] <= 1;
}

static bool is_fake(const struct target *t)
{
        return net_special_is_ours(t->family, t->address);
}

/* Whether kelp-proxy listens there.  Where no rule names the port, nobody does, and it hears nothing. */
static bool is_served(const struct plan_net *net, const struct target *t)
{
        if (t->address[1] == 18)
                return true;
        for (size_t i = 0; i < net->n_rules; i++) {
                if (!net->rules[i].is_deny && net_rule_has_port(&net->rules[i], t->port))
                        return true;
        }
        return false;
}

/*
 * Whether somebody listens on a port, by the table of /proc/PID/net/tcp: "sl: ADDRESS:PORT REMOTE
 * 0A ...", the port in hex, 0A for a listener.  Source: the kernel's proc_net_tcp.rst.
 */
static bool table_has_listener(char *table, uint16_t port)
{
        char *at = table;

        for (char *line = str_next_field(&at, '\n'); line; line = str_next_field(&at, '\n')) {
                const char *colon = strchr(line, ':');
                const char *port_at = colon ? strchr(colon + 1, ':') : NULL;
                unsigned found;
                unsigned state;

                if (port_at && sscanf(port_at + 1, "%4x %*s %2x", &found, &state) == 2 &&
                    found == port && state == 0x0a)
                        return true;
        }
        return false;
}

static bool has_listener(const char *process, uint16_t port)
{
        static const char *const tables[] = { "tcp", "tcp6" };

        for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
                autofree char *table = NULL;
                char path[64];
                struct err unused = { 0 };

                snprintf(path, sizeof(path), "/proc/%s/net/%s", process, tables[i]);
                if (io_read_file(AT_FDCWD, path, MAX_TABLE, &table, NULL, &unused) < 0)
                        continue;
                if (table_has_listener(table, port))
                        return true;
        }
        return false;
}

/* A service of the host that a program expects on its own loopback. */
static int judge_loopback(const struct observe_net *n, pid_t pid, const struct target *t)
{
        char process[16];

        if (n->plan->net.mode == PLAN_NETWORK_HOST || t->port == DNS_PORT)
                return 0;
        snprintf(process, sizeof(process), "%d", (int)pid);
        if (has_listener(process, t->port) || !has_listener("self", t->port))
                return 0;
        return ECONNREFUSED;
}

/* The one datagram that has a way out of a filtered network: a question to its name server. */
static bool is_name_server(const struct target *t)
{
        return is_fake(t) && t->address[1] == 18 && t->port == DNS_PORT;
}

static int judge_filtered(const struct plan_net *net, const struct target *t)
{
        const struct net_rule *rule;

        if (t->is_datagram)
                return is_name_server(t) ? 0 : ENETUNREACH;
        if (is_fake(t))
                return is_served(net, t) ? 0 : ECONNREFUSED;
        rule = net_rules_find_address(net->rules, net->n_rules, t->family, t->address, t->port);
        return rule && !rule->is_deny ? 0 : ENETUNREACH;
}

static int judge(const struct observe_net *n, pid_t pid, const struct target *t)
{
        const struct plan_net *net = &n->plan->net;

        if (is_loopback(t))
                return judge_loopback(n, pid, t);
        switch (net->mode) {
        case PLAN_NETWORK_NONE:
                return ENETUNREACH;
        case PLAN_NETWORK_USER:
                return n->blocked && blocked_find(n->blocked, t->family, t->address) ? ENETUNREACH
                                                                                     : 0;
        case PLAN_NETWORK_FILTERED:
                return judge_filtered(net, t);
        case PLAN_NETWORK_HOST:
                break;
        }
        return 0;
}

bool observe_net_look(const struct observe_net *n, pid_t pid,
                      const struct sockaddr_storage *address, size_t len, bool is_datagram,
                      struct observe_event *ret)
{
        struct target t;

        /* to port 0 nothing is sent: it is how programs ask which address of theirs would be used */
        if (!read_target(address, len, &t) || t.port == 0)
                return false;
        t.is_datagram = is_datagram;
        int error = judge(n, pid, &t);
        if (error == 0 && (!n->keeps_allowed || is_loopback(&t) || is_fake(&t)))
                return false;
        *ret = (struct observe_event){ .kind = OBSERVE_HOST,
                                       .access = 'r',
                                       .is_refused = error != 0,
                                       .error = error,
                                       .is_datagram = is_datagram,
                                       .port = t.port };
        return inet_ntop(t.family, t.address, ret->name, sizeof(ret->name)) != NULL;
}

static bool is_question_head(const unsigned char *head)
{
        /* a question (QR 0, opcode 0, not cut), one of it, no answers; what follows is EDNS */
        return (head[2] & 0xfa) == 0 && head[4] == 0 && head[5] == 1 && head[6] == 0 &&
               head[7] == 0 && head[8] == 0 && head[9] == 0;
}

bool observe_dns_name(const unsigned char *data, size_t len, char ret[NET_RULE_MAX_NAME + 1])
{
        size_t at = DNS_HEADER;
        size_t n = 0;

        if (len < DNS_HEADER + 5 || !is_question_head(data))
                return false;
        while (at < len && data[at] != 0) {
                size_t label = data[at];

                if (label > 63 || at + 1 + label >= len || n + label + 1 > NET_RULE_MAX_NAME)
                        return false;
                if (n > 0)
                        ret[n++] = '.';
                for (size_t i = 0; i < label; i++) {
                        unsigned char c = data[at + 1 + i];

                        ret[n++] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
                }
                at += 1 + label;
        }
        /* the root's label, type and class; the class is that of the Internet */
        if (at + 5 > len || data[at + 3] != 0 || data[at + 4] != 1)
                return false;
        ret[n] = '\0';
        return strlen(ret) == n && net_rule_is_name(ret);
}
