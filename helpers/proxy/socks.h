#ifndef KELP_PROXY_SOCKS_H
#define KELP_PROXY_SOCKS_H

#include "address.h"

#include <stddef.h>
#include <stdint.h>

/*
 * SOCKS5 as clients speak it: a greeting, and one request to CONNECT to a name or an address; no
 * login, no BIND, no UDP.  Source: RFC 1928.
 */

#define SOCKS_MAX_MESSAGE 300

enum socks_reply {
        SOCKS_OK = 0,
        SOCKS_FAILED = 1,
        SOCKS_FORBIDDEN = 2,
        SOCKS_NO_NETWORK = 3,
        SOCKS_NO_HOST = 4,
        SOCKS_REFUSED = 5,
        SOCKS_TIMED_OUT = 6,
        SOCKS_NO_COMMAND = 7,
        SOCKS_NO_ADDRESS = 8,
};

/*
 * Each returns 1 with *ret_len, the bytes of the message; 0 when more must come first; or -EINVAL.
 * *ret_method is the answer: 0, or 0xff when the client wants a login.
 */
int socks_read_greeting(const uint8_t *data, size_t len, uint8_t *ret_method, size_t *ret_len,
                        struct err *e);

/* *ret_reply is SOCKS_OK, or what is to be answered: the target is none, then. */
int socks_read_request(const uint8_t *data, size_t len, struct target *ret,
                       enum socks_reply *ret_reply, size_t *ret_len, struct err *e);

/* `out` has 10 bytes, and all are used. */
void socks_print_reply(enum socks_reply reply, uint8_t *out);

/* What an errno of connect(2) is called. */
enum socks_reply socks_name_error(int error);

#endif
