#ifndef KELP_PROXY_CONFIG_H
#define KELP_PROXY_CONFIG_H

#include "address.h"
#include "mem.h"
#include "net-rule.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What the launcher asks for: lines of words with one blank between them.
 *
 *      rule allow|deny RULE         net_rule_parse() reads it
 *      listen FD                    the accepted socket's own address and port are the destination
 *      dns-udp FD, dns-tcp FD       where names are asked for
 *      connect FD                   HTTP CONNECT, and plain requests as proxies get them
 *      socks FD                     SOCKS5
 *      forward FD ADDRESS PORT      every connection leads to ADDRESS (or "localhost") PORT
 *      fakes NETWORK/BITS           where made-up addresses come from
 *      log FD                       a JSON line for each host that is asked for
 *      dns-server ADDRESS [PORT]    whom names are resolved by; none: as this host does
 *      upstream HOST PORT [LOGIN]   the HTTP proxy of this host; LOGIN is USER:PASSWORD in base64
 *      no-proxy NAME...             what does not go through it
 *      events                       the control socket is told of each host, too
 *
 * What it does not know is an error: the proxy starts with all that it was asked for, or not.
 */

enum listener_kind {
        LISTENER_DIRECT,
        LISTENER_CONNECT,
        LISTENER_SOCKS,
        LISTENER_FORWARD,
        LISTENER_DNS_UDP,
        LISTENER_DNS_TCP,
};

struct config_listener {
        enum listener_kind kind;
        int fd;
        uint16_t port;             /* of a forward, with its addresses */
        struct address address[2]; /* "localhost" is both loopback addresses */
        size_t n_addresses;
};

#define CONFIG_MAX_BYTES     (16u << 20)
#define CONFIG_MAX_RULES     200000
#define CONFIG_MAX_LISTENERS 70000
#define CONFIG_MAX_SERVERS   8

struct config {
        struct arena arena; /* all texts */
        struct net_rule *rules;
        size_t n_rules;
        struct config_listener *listeners;
        size_t n_listeners;
        uint32_t fakes;     /* the network, in host order */
        uint8_t fakes_bits; /* 0: none */
        int log_fd;         /* -1: none */
        bool has_events;
        const char *upstream; /* NULL: none */
        uint16_t upstream_port;
        const char *upstream_login; /* NULL: none */
        const char *no_proxy;       /* with blanks between; NULL: none */
        const char *dns_servers;    /* as c-ares takes them: "1.2.3.4:53,[::1]:53"; NULL: none */
        size_t n_dns_servers;
};

/* Reads `text`, which it takes apart.  The descriptors are numbers here, and not looked at. */
int config_parse(struct config *c, char *text, struct err *e);

void config_done(struct config *c);

#endif
