#include "http.h"

#include "mem.h"
#include "parse.h"
#include "proxy.h"
#include "reach.h"
#include "str.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define CONNECT_TIMEOUT 20 /* seconds */
#define STALL_TIMEOUT   30 /* seconds in which less than STALL_BYTES a second come */
#define STALL_BYTES     64

int http_setup(struct err *e)
{
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                return err_set(e, EIO, "libcurl cannot be started");
        return 0;
}

/* ------ the head ------ */

static bool is_header(const char *line, size_t len, const char *name, const char **ret_value,
                      size_t *ret_len)
{
        size_t n = strlen(name);

        if (len <= n || line[n] != ':' || strncasecmp(line, name, n) != 0)
                return false;
        const char *start = line + n + 1;
        const char *end = line + len;
        while (start < end && strchr(" \t", *start))
                start++;
        while (end > start && strchr(" \t\r\n", end[-1]))
                end--;
        *ret_value = start;
        *ret_len = (size_t)(end - start);
        return true;
}

static uint64_t read_number(const char *text, size_t len, uint64_t otherwise)
{
        char digits[24];
        struct err unused = { 0 };
        uint64_t number;

        if (len == 0 || len >= sizeof(digits))
                return otherwise;
        memcpy(digits, text, len);
        digits[len] = '\0';
        return parse_number(digits, 0, UINT64_MAX - 1, &number, &unused) < 0 ? otherwise : number;
}

/* Seconds, or a date (RFC 9110, 10.2.3). */
static uint64_t read_retry_after(const char *text, size_t len)
{
        char date[64];
        time_t now = time(NULL);

        if (len == 0 || len >= sizeof(date))
                return 0;
        if (text[0] >= '0' && text[0] <= '9')
                return read_number(text, len, 0);
        memcpy(date, text, len);
        date[len] = '\0';
        time_t then = curl_getdate(date, NULL);
        return then > now ? (uint64_t)(then - now) : 0;
}

/* "bytes 5-9/10": the 5. */
static uint64_t read_range_start(const char *text, size_t len)
{
        const char *dash = memchr(text, '-', len);

        if (len < 6 || strncasecmp(text, "bytes ", 6) != 0 || !dash)
                return UINT64_MAX;
        return read_number(text + 6, (size_t)(dash - text) - 6, UINT64_MAX);
}

static void keep(char *ret, size_t size, const char *text, size_t len)
{
        if (len >= size)
                len = 0;
        memcpy(ret, text, len);
        ret[len] = '\0';
}

static void read_header(struct reply *reply, const char *line, size_t len)
{
        const char *value;
        size_t n;

        if (is_header(line, len, "Content-Type", &value, &n)) {
                const char *end = memchr(value, ';', n);

                n = end ? (size_t)(end - value) : n;
                while (n > 0 && strchr(" \t", value[n - 1]))
                        n--;
                keep(reply->type, sizeof(reply->type), value, n);
        } else if (is_header(line, len, "Docker-Content-Digest", &value, &n)) {
                keep(reply->digest, sizeof(reply->digest), value, n);
        } else if (is_header(line, len, "WWW-Authenticate", &value, &n)) {
                challenge_read(value, n, &reply->challenge);
        } else if (is_header(line, len, "Retry-After", &value, &n)) {
                reply->retry_after = read_retry_after(value, n);
        } else if (is_header(line, len, "Content-Range", &value, &n)) {
                reply->range_start = read_range_start(value, n);
        }
}

static void clear_reply(struct reply *reply)
{
        size_t bytes = reply->head_bytes;

        *reply = (struct reply){ .range_start = UINT64_MAX, .head_bytes = bytes };
}

static size_t on_header(char *line, size_t size, size_t n, void *context)
{
        struct http *h = context;
        size_t len = size * n;

        h->reply.head_bytes += len;
        if (h->reply.head_bytes > HTTP_MAX_HEAD) {
                err_set(&h->err, EFBIG, "the head of the answer is larger than %u bytes",
                        HTTP_MAX_HEAD);
                return 0;
        }
        /* a new head: behind "100 Continue", or of the real answer */
        if (len > 5 && memcmp(line, "HTTP/", 5) == 0)
                clear_reply(&h->reply);
        else if (line[0] == '\r' || line[0] == '\n')
                h->reply.has_head = true;
        else
                read_header(&h->reply, line, len);
        return len;
}

/* ------ the body ------ */

static size_t on_body(char *data, size_t size, size_t n, void *context)
{
        struct http *h = context;
        struct reply *reply = &h->reply;
        size_t len = size * n;

        curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &reply->status);
        if (reply->status == 200 || reply->status == 206) {
                if (!h->spec.sink || h->spec.sink(h->spec.context, reply, data, len, &h->err) == 0)
                        return len;
                return len + 1; /* anything else than what came ends the exchange */
        }
        if (len > HTTP_MAX_ERROR - reply->error_len) {
                /* the rest would say nothing new: the connection is given up with it */
                err_set(&h->err, ENOBUFS, "the answer is too long");
                return len + 1;
        }
        memcpy(reply->error + reply->error_len, data, len);
        reply->error_len += len;
        return len;
}

/* ------ the request ------ */

static bool is_in_reach(struct http *h, enum reach reach)
{
        if (!h->spec.limits_reach || reach <= h->spec.reach)
                return true;
        err_set(&h->err, EPERM, "it leads to an address of %s", reach_name(reach));
        return false;
}

static curl_socket_t on_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
        struct http *h = context;

        (void)purpose;
        /* the user has said where the proxy is */
        if (!h->is_proxied && !is_in_reach(h, reach_of(&address->addr)))
                return CURL_SOCKET_BAD;
        return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* The connection stands, TLS and all, and the request is about to be sent. */
static int on_request(void *context, char *to, char *from, int to_port, int from_port)
{
        struct http *h = context;

        (void)from;
        (void)to_port;
        (void)from_port;
        /* behind a proxy http_prepare() has judged what there is */
        if (!h->is_proxied && !reach_of_address(to, &h->reach)) {
                err_set(&h->err, EPROTO, "libcurl does not say where it is connected to");
                return CURL_PREREQFUNC_ABORT;
        }
        if (!is_in_reach(h, h->reach))
                return CURL_PREREQFUNC_ABORT;
        h->has_reach = true;
        return CURL_PREREQFUNC_OK;
}

static int add_header(struct http *h, const char *name, const char *value, struct err *e)
{
        size_t size = strlen(name) + strlen(value) + 3;
        autofree char *line = mem_alloc(size, e);

        if (!line)
                return -e->code;
        snprintf(line, size, "%s: %s", name, value);
        struct curl_slist *list = curl_slist_append(h->headers, line);
        explicit_bzero(line, size);
        if (!list)
                return err_set(e, ENOMEM, "out of memory");
        h->headers = list;
        return 0;
}

static int add_authorization(struct http *h, const char *scheme, const char *secret, struct err *e)
{
        size_t size = strlen(scheme) + strlen(secret) + 2;
        autofree char *value = mem_alloc(size, e);

        if (!value)
                return -e->code;
        snprintf(value, size, "%s %s", scheme, secret);
        int r = add_header(h, "Authorization", value, e);
        explicit_bzero(value, size);
        return r;
}

/*
 * By hand, as a token: libcurl would put a user name and a password that it is told into the URL
 * that it makes of a Location without a host.  RFC 7617, section 2.
 */
static int add_login(struct http *h, const char *user, const char *password, struct err *e)
{
        size_t size = strlen(user) + strlen(password) + 2;
        size_t size64 = 4 * (size / 3 + 1) + 1;
        autofree char *plain = mem_alloc(size, e);
        autofree char *base64 = mem_alloc(size64, e);

        if (!plain || !base64)
                return -e->code;
        snprintf(plain, size, "%s:%s", user, password);
        EVP_EncodeBlock((unsigned char *)base64, (const unsigned char *)plain, (int)(size - 1));
        int r = add_authorization(h, "Basic", base64, e);
        explicit_bzero(plain, size);
        explicit_bzero(base64, size64);
        return r;
}

static int set_headers(struct http *h, struct err *e)
{
        const struct http_spec *spec = &h->spec;

        curl_slist_free_all(h->headers);
        h->headers = NULL;
        if (spec->accept && add_header(h, "Accept", spec->accept, e) < 0)
                return -e->code;
        if (spec->bearer && add_authorization(h, "Bearer", spec->bearer, e) < 0)
                return -e->code;
        if (spec->user && spec->password && add_login(h, spec->user, spec->password, e) < 0)
                return -e->code;
        curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, h->headers);
        return 0;
}

static void set_callbacks(struct http *h)
{
        CURL *c = h->easy;

        curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
        curl_easy_setopt(c, CURLOPT_HEADERDATA, h);
        curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(c, CURLOPT_WRITEDATA, h);
        curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->curl_error);
        curl_easy_setopt(c, CURLOPT_PRIVATE, h);
        curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, on_socket);
        curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, h);
        curl_easy_setopt(c, CURLOPT_PREREQFUNCTION, on_request);
        curl_easy_setopt(c, CURLOPT_PREREQDATA, h);
}

static void set_protocol(struct http *h, const struct url *url)
{
        CURL *c = h->easy;

#if LIBCURL_VERSION_NUM >= 0x075500
        curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, url->is_plain ? "http" : "https");
#else
        curl_easy_setopt(c, CURLOPT_PROTOCOLS,
                         url->is_plain ? (long)CURLPROTO_HTTP : (long)CURLPROTO_HTTPS);
#endif
        curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
        curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
        curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT);
        curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, h->spec.timeout);
        curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, (long)STALL_BYTES);
        curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)STALL_TIMEOUT);
        curl_easy_setopt(c, CURLOPT_BUFFERSIZE, 256L << 10);
        curl_easy_setopt(c, CURLOPT_USERAGENT, "kelp/" KELP_VERSION);
}

/* What the variables say has been weighed: libcurl is not to do so again, and otherwise. */
static int set_proxy(struct http *h, const struct url *url, struct err *e)
{
        const char *proxy = proxy_choose(url);

        h->is_proxied = proxy != NULL;
        h->has_reach = false;
        h->reach = reach_of_host(url->host);
        curl_easy_setopt(h->easy, CURLOPT_NOPROXY, "");
        if (curl_easy_setopt(h->easy, CURLOPT_PROXY, proxy ? proxy : "") != CURLE_OK)
                return err_set(e, ENOMEM, "out of memory");
        if (h->is_proxied && !is_in_reach(h, h->reach)) {
                *e = h->err;
                return -e->code;
        }
        return 0;
}

static void set_tls(struct http *h)
{
        CURL *c = h->easy;

        curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
        curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
        curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
        if (h->spec.ca) {
                struct curl_blob blob = { .data = (void *)h->spec.ca,
                                          .len = h->spec.ca_len,
                                          .flags = CURL_BLOB_NOCOPY };

                curl_easy_setopt(c, CURLOPT_CAINFO_BLOB, &blob);
        }
}

static void set_request(struct http *h)
{
        const struct http_spec *spec = &h->spec;
        char range[32];

        curl_easy_setopt(h->easy, CURLOPT_URL, spec->url);
        if (spec->form)
                curl_easy_setopt(h->easy, CURLOPT_POSTFIELDS, spec->form);
        if (spec->from > 0) {
                snprintf(range, sizeof(range), "%llu-", (unsigned long long)spec->from);
                curl_easy_setopt(h->easy, CURLOPT_RANGE, range);
        }
}

int http_prepare(struct http *h, const struct http_spec *spec, struct err *e)
{
        struct url url;

        if (url_parse(spec->url, "the address", &url, e) < 0)
                return -e->code;
        if (!h->easy)
                h->easy = curl_easy_init();
        if (!h->easy)
                return err_set(e, ENOMEM, "libcurl is out of memory");
        curl_easy_reset(h->easy);
        h->spec = *spec;
        h->err = (struct err){ 0 };
        h->curl_error[0] = '\0';
        h->reply.head_bytes = 0;
        clear_reply(&h->reply);
        set_callbacks(h);
        set_protocol(h, &url);
        set_tls(h);
        set_request(h);
        if (set_proxy(h, &url, e) < 0)
                return -e->code;
        return set_headers(h, e);
}

void http_done(struct http *h)
{
        curl_easy_cleanup(h->easy);
        curl_slist_free_all(h->headers);
        *h = (struct http){ 0 };
}
