#ifndef KELP_PULL_HTTP_H
#define KELP_PULL_HTTP_H

#include "challenge.h"
#include "err.h"
#include "url.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One exchange: a request is sent, an answer comes.  What the answer means is judged elsewhere
 * (request.h): here no redirect is followed, nothing is retried, and no secret is chosen.
 *
 * The address of a connection is judged twice: before it is made, so that nothing at all reaches
 * what must not be reached, and when the request goes out, as connections are kept and used again,
 * and as only then it is known which address of several it is.  An address that was refused, or was
 * only tried, says nothing of where the server is.
 *
 * Behind a proxy there is no address to judge, but the host of the URL where it is one itself.
 *
 * TLS is verified always.  Only http and https are spoken.  What a server says is kept within
 * limits and never printed as it is (log.h escapes it).
 */

#define HTTP_NO_TLS    EPROTONOSUPPORT
#define HTTP_MAX_HEAD  (256u << 10) /* bytes of an answer's head */
#define HTTP_MAX_ERROR (16u << 10)  /* bytes of an error's body that are looked at */

/* How far away an address is; what is public must not lead to what is nearer. */
enum reach { REACH_PUBLIC, REACH_PRIVATE, REACH_LOOPBACK, REACH_LINK };

struct reply {
        long status; /* 0: there was none */
        size_t head_bytes;
        bool has_head;    /* the whole of it has come */
        char type[128];   /* Content-Type without parameters */
        char digest[128]; /* Docker-Content-Digest, or "" */
        struct challenge challenge;
        uint64_t retry_after;           /* seconds; 0: not said */
        uint64_t range_start;           /* of a 206; UINT64_MAX: not said */
        char error[HTTP_MAX_ERROR + 1]; /* the body of an answer that is no success */
        size_t error_len;
};

/* Takes the body of a success.  `reply` has the head.  A failure ends the exchange. */
typedef int http_sink(void *context, const struct reply *reply, const void *data, size_t len,
                      struct err *e);

struct http_spec {
        const char *url;
        const char *accept; /* NULL: anything */
        const char *bearer; /* each NULL: none */
        const char *user;
        const char *password;
        const char *form; /* NULL: GET; else it is posted */
        uint64_t from;    /* Range from here on; 0: all */
        long timeout;     /* ms for the whole exchange; 0: as long as something comes */
        http_sink *sink;
        void *context;
        bool limits_reach; /* not to addresses nearer than `reach` */
        enum reach reach;
        const char *ca; /* certificates, or NULL: those of the system */
        size_t ca_len;
        const char *ca_file; /* their name, for messages */
};

struct http {
        CURL *easy; /* kept from one exchange to the next, with its connections */
        struct curl_slist *headers;
        struct http_spec spec;
        struct reply reply;
        bool is_proxied;  /* what we are connected to is a proxy, not the server */
        bool has_reach;   /* it was sent, to a server at `reach` */
        enum reach reach; /* of a host name behind a proxy: REACH_PUBLIC, as nobody here knows */
        struct err err;   /* why an exchange was ended from our side */
        char curl_error[CURL_ERROR_SIZE];
};

/* Once, before anything else and before the process is confined. */
int http_setup(struct err *e);

/* Makes the handle ready; `spec` is copied, what it points to must live until the end. */
int http_prepare(struct http *h, const struct http_spec *spec, struct err *e);

void http_done(struct http *h);

/*
 * Whether what ended an exchange may be gone when it is tried again.  With a server that has not
 * answered before, a name that is not found and a port where nobody answers are more likely wrong.
 */
bool http_is_transient(CURLcode code, bool has_talked);

/*
 * Fills `e` for an exchange that ended with `code`, in the words of people.  Its code is HTTP_NO_TLS
 * where the server does not speak TLS.
 */
int http_tell(const struct http *h, CURLcode code, struct err *e);

#endif
