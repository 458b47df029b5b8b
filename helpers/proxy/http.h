#ifndef KELP_PROXY_HTTP_H
#define KELP_PROXY_HTTP_H

#include "address.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * What clients say to an HTTP proxy: "CONNECT host:port", or a request for "http://host[:port]/...".
 * The head of the one request that a connection may make is read strictly: what two readers could
 * read in two ways is refused.  A plain request goes on with our own Host and "Connection: close";
 * all that follows goes to that same host, whatever it says.  Sources: RFC 9110, RFC 9112.
 */

#define HTTP_MAX_HEAD 8192

struct http_request {
        struct target target;
        bool is_connect;
        size_t head_len; /* bytes, with the empty line */
};

/* Returns 1 with *ret, 0 when more bytes must come first, or -EINVAL/-E2BIG. */
int http_read(const char *data, size_t len, struct http_request *ret, struct err *e);

/*
 * The head of a plain request as its host gets it, for `data` as http_read() has taken it.  `out`
 * has HTTP_MAX_HEAD + 512 bytes.  Returns how many it takes.
 */
size_t http_rewrite(const char *data, const struct http_request *r, char *out);

/* An answer of our own; `out` has 1024 bytes.  Returns how many it takes. */
size_t http_print_error(unsigned status, const char *reason, char *out);

/* What is said to the proxy of this host; `out` has 2048 bytes.  `login` may be NULL. */
size_t http_print_connect(const struct target *t, const char *login, char *out);

/* Its answer.  Returns the status with *ret_len, the bytes of its head; 0, or <0 as above. */
int http_read_answer(const char *data, size_t len, size_t *ret_len, struct err *e);

#endif
