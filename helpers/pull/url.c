#include "url.h"

#include "mem.h"
#include "parse.h"
#include "str.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void done(CURLU **u)
{
        curl_url_cleanup(*u);
}

#define autourl __attribute__((cleanup(done))) CURLU

static void free_part(char **part)
{
        curl_free(*part);
}

#define autopart __attribute__((cleanup(free_part))) char

/* Before an '@' may stand a password, also in what cannot be taken apart: it is not quoted then. */
static int bad(const char *text, const char *what, const char *why, struct err *e)
{
        if (strchr(text, '@'))
                return err_set(e, EINVAL, "%s %s", what, why);
        return err_set(e, EINVAL, "%s '%.200s' %s", what, text, why);
}

int url_parse(const char *text, const char *what, struct url *ret, struct err *e)
{
        autourl *u = curl_url();
        autopart *scheme = NULL;
        autopart *host = NULL;
        autopart *port = NULL;
        autopart *user = NULL;
        autopart *password = NULL;
        uint64_t number;

        if (!u)
                return err_set(e, ENOMEM, "out of memory");
        if (strlen(text) > URL_MAX)
                return err_set(e, EINVAL, "%s is longer than %d bytes", what, URL_MAX);
        if (curl_url_set(u, CURLUPART_URL, text, 0) != CURLUE_OK ||
            curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
            curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
            curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
                return bad(text, what, "is not a URL", e);
        if (!str_eq(scheme, "https") && !str_eq(scheme, "http"))
                return bad(text, what, "is neither https nor http", e);
        if (curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK ||
            curl_url_get(u, CURLUPART_PASSWORD, &password, 0) == CURLUE_OK)
                return bad(text, what, "has a user name in it", e);
        if (!*host || strlen(host) >= sizeof(ret->host) ||
            parse_number(port, 1, 65535, &number, e) < 0)
                return bad(text, what, "has no host that can be", e);
        ret->is_plain = str_eq(scheme, "http");
        ret->port = (unsigned)number;
        snprintf(ret->host, sizeof(ret->host), "%s", host);
        return 0;
}

bool url_is_same_origin(const struct url *a, const struct url *b)
{
        return a->is_plain == b->is_plain && a->port == b->port &&
               strcasecmp(a->host, b->host) == 0;
}

bool url_is_loopback(const char *host)
{
        char plain[256];
        size_t len = strlen(host);
        struct in6_addr v6;
        struct in_addr v4;

        if (len >= sizeof(plain))
                return false;
        if (len > 2 && host[0] == '[' && host[len - 1] == ']')
                snprintf(plain, sizeof(plain), "%.*s", (int)len - 2, host + 1);
        else
                snprintf(plain, sizeof(plain), "%s", host);
        if (inet_pton(AF_INET, plain, &v4) == 1)
                return ntohl(v4.s_addr) >> 24 == 127;
        if (inet_pton(AF_INET6, plain, &v6) == 1)
                return IN6_IS_ADDR_LOOPBACK(&v6);
        /* RFC 6761: libcurl answers these itself and asks nobody */
        return strcasecmp(plain, "localhost") == 0;
}

int url_add_query(char **url, const char *name, const char *value, struct err *e)
{
        autourl *u = curl_url();
        autopart *whole = NULL;
        autofree char *pair = NULL;

        if (!value)
                return 0;
        size_t size = strlen(name) + strlen(value) + 2;
        pair = mem_alloc(size, e);
        if (!u || !pair)
                return err_set(e, ENOMEM, "out of memory");
        snprintf(pair, size, "%s=%s", name, value);
        if (curl_url_set(u, CURLUPART_URL, *url, 0) != CURLUE_OK ||
            curl_url_set(u, CURLUPART_QUERY, pair, CURLU_APPENDQUERY | CURLU_URLENCODE) !=
                    CURLUE_OK ||
            curl_url_get(u, CURLUPART_URL, &whole, 0) != CURLUE_OK)
                return err_set(e, EINVAL, "'%.200s' is not a URL", *url);
        char *copy = strdup(whole);
        if (!copy)
                return err_set(e, ENOMEM, "out of memory");
        free(*url);
        *url = copy;
        return 0;
}
