#ifndef KELP_PROXY_ADDRESS_H
#define KELP_PROXY_ADDRESS_H

#include "net-rule.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Addresses, and what a client asks for: an address or a name, and a port. */

#define ADDRESS_TEXT 46 /* INET6_ADDRSTRLEN */

struct address {
        uint8_t family; /* AF_INET, AF_INET6; 0: none */
        uint8_t bytes[16];
};

struct target {
        char name[NET_RULE_MAX_NAME + 1]; /* "": the address is meant */
        struct address address;
        uint16_t port;
};

/* Reads exactly what inet_pton(3) reads. */
bool address_parse(const char *text, struct address *ret);

/* An IPv4-mapped one, as sockets of both families have them, is given as the IPv4 one. */
bool address_from_socket(const struct sockaddr_storage *sa, struct address *ret,
                         uint16_t *ret_port);
socklen_t address_to_socket(const struct address *a, uint16_t port, struct sockaddr_storage *ret);

bool address_is_same(const struct address *a, const struct address *b);

/* `text` has ADDRESS_TEXT bytes.  Returns `text`. */
const char *address_print(const struct address *a, char *text);

/*
 * Reads `len` bytes that a client sent as a host: a name in any case, with or without a last dot;
 * an IPv4 address in its one right spelling; an IPv6 one, in brackets where `has_brackets`.  All
 * else is EINVAL.  Only name and address of *ret are written.
 */
int target_parse_host(const char *host, size_t len, bool has_brackets, struct target *ret,
                      struct err *e);

/* "NAME" or "ADDRESS", for the log; `text` has NET_RULE_MAX_NAME + 1 bytes.  Returns `text`. */
const char *target_print_host(const struct target *t, char *text);

#endif
