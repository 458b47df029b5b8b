#ifndef KELP_PULL_URL_H
#define KELP_PULL_URL_H

#include "err.h"

#include <stdbool.h>

/* URLs of registries: what decides whom something is sent to. */

#define URL_MAX 8192

struct url {
        bool is_plain; /* http, else https */
        char host[256];
        unsigned port;
};

/* http and https alone, and no user name in it.  `what` names it in errors. */
int url_parse(const char *text, const char *what, struct url *ret, struct err *e);

/* Scheme, host and port: secrets for one are for no other. */
bool url_is_same_origin(const struct url *a, const struct url *b);

/* Whether a host (no port; brackets allowed) can be nothing but this machine. */
bool url_is_loopback(const char *host);

/* `base` with NAME=VALUE in its query, encoded; `value` NULL: no change.  *url is replaced. */
int url_add_query(char **url, const char *name, const char *value, struct err *e);

#endif
