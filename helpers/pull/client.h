#ifndef KELP_PULL_CLIENT_H
#define KELP_PULL_CLIENT_H

#include "auth-file.h"
#include "err.h"
#include "http.h"
#include "name.h"
#include "url.h"

#include <stdbool.h>
#include <stdint.h>

/* A registry, or a mirror of one, and how far we have come with it. */

struct endpoint {
        char base[512];     /* https://HOST[:PORT] */
        char host[256 + 8]; /* for messages, and the key of the login */
        char repo[512];     /* with the path of a mirror in front */
        bool is_mirror;
        bool may_be_plain; /* when TLS is not spoken there, plain HTTP is */
        struct credential credential;
        const char *ca; /* certificates to trust, or NULL: the system's; borrowed */
        size_t ca_len;
        const char *ca_file;
};

enum client_auth { CLIENT_AUTH_NONE, CLIENT_AUTH_BASIC, CLIENT_AUTH_BEARER };

struct client {
        const struct endpoint *endpoint;
        bool is_plain;
        bool has_talked; /* the registry has answered before: a failure may pass */
        enum client_auth auth;
        char *token;
        unsigned n_tokens; /* how many there were: a request knows which one it had */
        bool has_reach;    /* it has answered, and not from nearer than `reach` each time */
        enum reach reach;  /* of the registry; before it has answered, REACH_PUBLIC */
        struct http http;  /* for one request at a time */
};

void client_done(struct client *c);

/* The URL of something in the repository ("manifests", "latest"); *ret is the caller's. */
int client_url(const struct client *c, const char *kind, const char *what, char **ret,
               struct err *e);

/*
 * Gets what the registry asks for by `challenge`: the login itself, or a token for reading the
 * repository (distribution's docs/spec/auth/token.md; the login goes to the realm).
 */
int client_authenticate(struct client *c, const struct challenge *challenge, struct err *e);

/* Says that the login was not accepted, or that there is none. */
int client_tell_denied(const struct client *c, const struct reply *reply, struct err *e);

#endif
