#ifndef KELP_PULL_REQUEST_H
#define KELP_PULL_REQUEST_H

#include "client.h"
#include "err.h"
#include "http.h"
#include "registry-error.h"
#include "url.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * A request until it has succeeded or failed for good: redirects, authentication, and what may be
 * better the next time.
 *
 *   - Secrets go to the origin (scheme, host, port) of the first URL and nowhere else; what is got
 *     by a redirect to another one is asked for without them.
 *   - A redirect never leads from https to http, and not from a public registry to an address of
 *     this machine or of a local network; nor does the URL of a token server.  Where the registry is
 *     is where it has answered from.  If that were several places, its name could be made to stand
 *     for a near one to open the way there, so the furthest counts.
 *   - 429, 408, 5xx and broken connections are tried again, after a time that doubles, with jitter,
 *     or that the server has asked for.  What came so far is kept, and the rest asked for by Range;
 *     a server that starts over makes us start over.  Progress earns new tries.
 *   - What is small (a manifest, a configuration, a token) has a time in which it must have come, all
 *     tries together but without the pauses between them, and progress earns it nothing: else a
 *     server that sends a little now and then could keep us for ever.  A layer may take its time.
 */

#define REQUEST_MAX_REDIRECTS   5
#define REQUEST_MAX_FAILURES    5   /* in a row, without a byte between */
#define REQUEST_MAX_ALL         200 /* failures of one request, with progress between them */
#define REQUEST_MAX_RETRY_AFTER 90  /* seconds that a server can make us wait */
#define REQUEST_SMALL_TIME      60  /* seconds for what is small */

enum request_verdict { REQUEST_DONE, REQUEST_AGAIN, REQUEST_FAILED };

enum request_auth {
        REQUEST_AUTH_REGISTRY, /* what the registry asks for */
        REQUEST_AUTH_LOGIN,    /* the login, to a token server */
        REQUEST_AUTH_NONE,
};

struct request {
        /* given */
        struct client *client;
        char *url; /* owned */
        enum registry_thing thing;
        const char *what; /* "the image 'latest'": for messages */
        const char *accept;
        const char *form;
        enum request_auth auth;
        uint64_t size; /* of the body; UINT64_MAX: not known, and it cannot be resumed */
        bool is_small; /* a document: it comes at once, or something is wrong */
        http_sink *sink;
        int (*restart)(void *context, struct err *e); /* throw away what came */
        void *context;

        /* at work */
        struct http *http;
        char *at; /* where redirects have led; NULL: url */
        unsigned n_redirects;
        unsigned n_failures; /* in a row */
        unsigned n_all;
        unsigned token;      /* the client's n_tokens when it was sent */
        bool is_at_registry; /* it was sent to the registry itself, wherever that is */
        bool has_login;      /* it was sent with the login */
        bool has_new_token;  /* one was got for it, and nothing has come since */
        uint64_t got;        /* bytes of the body */
        uint64_t most;       /* that there ever were */
        uint64_t asked;      /* got, when it was sent */
        uint64_t not_before; /* io_now() */
        uint64_t began;      /* io_now(), when it was sent */
        uint64_t spent;      /* ns of all exchanges */
};

/* Makes request->http ready to perform. */
int request_begin(struct request *r, struct err *e);

/* Judges how it ended. */
enum request_verdict request_end(struct request *r, CURLcode code, struct err *e);

/* Both until there is a verdict, with the client's own handle. */
int request_run(struct request *r, struct err *e);

void request_done(struct request *r);

#define autorequest __attribute__((cleanup(request_done))) struct request

#endif
