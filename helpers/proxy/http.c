#include "http.h"

#include "parse.h"
#include "str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* A piece of what was sent; it has no end of its own. */
struct span {
        const char *at;
        size_t len;
};

/* The head with its empty line; 0: it is not whole. */
static int find_head(const char *data, size_t len, size_t *ret_len, struct err *e)
{
        const char *end = memmem(data, len, "\r\n\r\n", 4);

        if (end)
                *ret_len = (size_t)(end - data) + 4;
        if ((!end && len >= HTTP_MAX_HEAD) || (end && *ret_len > HTTP_MAX_HEAD))
                return err_set(e, E2BIG, "the head of a request is longer than %d bytes",
                               HTTP_MAX_HEAD);
        return end != NULL;
}

/* The next line, without its end. */
static struct span next_line(const char *data, size_t len, size_t *at)
{
        const char *end = memmem(data + *at, len - *at, "\r\n", 2);
        struct span line = { data + *at, end ? (size_t)(end - data) - *at : len - *at };

        *at += line.len + 2;
        return line;
}

/* A lone CR or LF, a NUL and other controls are read differently by different servers. */
static bool is_clean(struct span line)
{
        for (size_t i = 0; i < line.len; i++) {
                unsigned char c = (unsigned char)line.at[i];

                if ((c < ' ' && c != '\t') || c == 0x7f)
                        return false;
        }
        return true;
}

static bool is_token(struct span s)
{
        static const char marks[] = "!#$%&'*+-.^_`|~";

        for (size_t i = 0; i < s.len; i++) {
                char c = s.at[i];
                bool is_alnum =
                        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

                if (!is_alnum && (c == '\0' || !strchr(marks, c)))
                        return false;
        }
        return s.len > 0;
}

/* The name of a field, which the colon follows without a blank. */
static bool split_field(struct span line, struct span *ret_name)
{
        const char *colon = memchr(line.at, ':', line.len);

        if (!colon)
                return false;
        *ret_name = (struct span){ line.at, (size_t)(colon - line.at) };
        return is_token(*ret_name) && is_clean(line);
}

static bool is_word(struct span s, const char *word)
{
        return s.len == strlen(word) && strncasecmp(s.at, word, s.len) == 0;
}

/* "HOST:PORT", "HOST" where a port is given. */
static int read_authority(struct span s, uint16_t port, struct target *ret, struct err *e)
{
        bool has_brackets = s.len > 0 && s.at[0] == '[';
        const char *end = has_brackets ? memchr(s.at, ']', s.len) : memchr(s.at, ':', s.len);
        size_t host_len = end ? (size_t)(end - s.at) : s.len;
        size_t rest_at = has_brackets && end ? host_len + 1 : host_len;
        char digits[6] = "";
        uint64_t number = port;

        if (has_brackets && !end)
                return err_set(e, EINVAL, "a bracket is not closed");
        if (rest_at < s.len) {
                size_t n = s.len - rest_at - 1;

                if (s.at[rest_at] != ':' || n == 0 || n >= sizeof(digits))
                        return err_set(e, EINVAL, "a host with a port is HOST:PORT");
                memcpy(digits, s.at + rest_at + 1, n);
                if (strlen(digits) != n || parse_number(digits, 1, 65535, &number, e) < 0)
                        return err_set(e, EINVAL, "a port is a number from 1 to 65535");
        }
        if (number == 0)
                return err_set(e, EINVAL, "a port is missing");
        ret->port = (uint16_t)number;
        return target_parse_host(s.at + has_brackets, host_len - has_brackets, has_brackets, ret,
                                 e);
}

struct request_line {
        struct span method;
        struct span uri;
        struct span version;
};

static int split_request(struct span line, struct request_line *ret, struct err *e)
{
        const char *one = memchr(line.at, ' ', line.len);
        const char *two = one ? memchr(one + 1, ' ', line.len - (size_t)(one + 1 - line.at)) : NULL;

        if (!one || !two || !is_clean(line))
                return err_set(e, EINVAL, "this is no request");
        ret->method = (struct span){ line.at, (size_t)(one - line.at) };
        ret->uri = (struct span){ one + 1, (size_t)(two - one - 1) };
        ret->version = (struct span){ two + 1, line.len - (size_t)(two + 1 - line.at) };
        if (!is_token(ret->method) || ret->uri.len == 0 ||
            !(is_word(ret->version, "HTTP/1.1") || is_word(ret->version, "HTTP/1.0")))
                return err_set(e, EINVAL, "this is no request");
        for (size_t i = 0; i < ret->uri.len; i++) {
                if ((unsigned char)ret->uri.at[i] <= ' ')
                        return err_set(e, EINVAL, "this is no request");
        }
        return 0;
}

/* "http://AUTHORITY/PATH": *ret_path is from the slash on, and may be empty. */
static bool split_uri(struct span uri, struct span *ret_authority, struct span *ret_path)
{
        static const char scheme[] = "http://";
        size_t at = sizeof(scheme) - 1;

        if (uri.len <= at || strncasecmp(uri.at, scheme, at) != 0)
                return false;
        size_t n = 0;
        while (at + n < uri.len && !strchr("/?#", uri.at[at + n]))
                n++;
        *ret_authority = (struct span){ uri.at + at, n };
        *ret_path = (struct span){ uri.at + at + n, uri.len - at - n };
        return true;
}

static int check_fields(const char *data, size_t at, size_t head_len, struct err *e)
{
        while (at < head_len - 2) {
                struct span line = next_line(data, head_len, &at);
                struct span name;

                if (!split_field(line, &name))
                        return err_set(e, EINVAL, "a line of the request is no field");
        }
        return 0;
}

int http_read(const char *data, size_t len, struct http_request *ret, struct err *e)
{
        struct http_request r = { 0 };
        struct request_line line;
        struct span authority;
        struct span path;
        size_t at = 0;

        int whole = find_head(data, len, &r.head_len, e);
        if (whole <= 0)
                return whole;
        if (split_request(next_line(data, r.head_len, &at), &line, e) < 0 ||
            check_fields(data, at, r.head_len, e) < 0)
                return -e->code;
        r.is_connect = line.method.len == 7 && memcmp(line.method.at, "CONNECT", 7) == 0;
        if (!r.is_connect && !split_uri(line.uri, &authority, &path))
                return err_set(e, EINVAL,
                               "this is a proxy: it takes CONNECT and requests for http://");
        if (read_authority(r.is_connect ? line.uri : authority, r.is_connect ? 0 : 80, &r.target,
                           e) < 0)
                return -e->code;
        *ret = r;
        return 1;
}

/* ------ what goes out ------ */

struct writer {
        char *out;
        size_t len;
};

static void put(struct writer *w, const char *data, size_t len)
{
        memcpy(w->out + w->len, data, len);
        w->len += len;
}

static void put_text(struct writer *w, const char *text)
{
        put(w, text, strlen(text));
}

static void put_authority(struct writer *w, const struct target *t, bool has_port)
{
        bool is_ipv6 = t->name[0] == '\0' && t->address.family == AF_INET6;
        char host[NET_RULE_MAX_NAME + 1];
        char port[8];

        target_print_host(t, host);
        snprintf(port, sizeof(port), ":%u", (unsigned)t->port);
        put_text(w, is_ipv6 ? "[" : "");
        put_text(w, host);
        put_text(w, is_ipv6 ? "]" : "");
        if (has_port)
                put_text(w, port);
}

/* Fields that are between the client and us, and Host, which is ours to say. */
static bool is_dropped(struct span name)
{
        static const char *const names[] = { "Host",       "Connection",    "Proxy-Connection",
                                             "Keep-Alive", "Upgrade",       "Proxy-Authorization",
                                             "TE",         "HTTP2-Settings" };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                if (is_word(name, names[i]))
                        return true;
        }
        return false;
}

size_t http_rewrite(const char *data, const struct http_request *r, char *out)
{
        struct writer w = { out, 0 };
        struct request_line line;
        struct span authority;
        struct span path;
        struct err unused;
        size_t at = 0;

        if (split_request(next_line(data, r->head_len, &at), &line, &unused) < 0 ||
            !split_uri(line.uri, &authority, &path))
                return 0;
        const char *fragment = memchr(path.at, '#', path.len);
        if (fragment)
                path.len = (size_t)(fragment - path.at);
        put(&w, line.method.at, line.method.len);
        put_text(&w, path.len == 0 || path.at[0] != '/' ? " /" : " ");
        put(&w, path.at, path.len);
        put_text(&w, " ");
        put(&w, line.version.at, line.version.len);
        put_text(&w, "\r\nHost: ");
        put_authority(&w, &r->target, r->target.port != 80);
        put_text(&w, "\r\nConnection: close\r\n");
        while (at < r->head_len - 2) {
                struct span field = next_line(data, r->head_len, &at);
                struct span name;

                if (!split_field(field, &name) || is_dropped(name))
                        continue;
                put(&w, field.at, field.len);
                put_text(&w, "\r\n");
        }
        put_text(&w, "\r\n");
        return w.len;
}

size_t http_print_error(unsigned status, const char *reason, char *out)
{
        const char *title = status == 400   ? "Bad Request"
                            : status == 403 ? "Forbidden"
                            : status == 504 ? "Gateway Timeout"
                                            : "Bad Gateway";
        char safe[512];

        str_escape(safe, sizeof(safe), reason, strlen(reason));
        return (size_t)snprintf(out, 1024,
                                "HTTP/1.1 %u %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
                                "Content-Length: %zu\r\nConnection: close\r\n\r\nkelp: %s\n",
                                status, title, strlen(safe) + 7, safe);
}

size_t http_print_connect(const struct target *t, const char *login, char *out)
{
        struct writer w = { out, 0 };

        put_text(&w, "CONNECT ");
        put_authority(&w, t, true);
        put_text(&w, " HTTP/1.1\r\nHost: ");
        put_authority(&w, t, true);
        put_text(&w, "\r\n");
        if (login) {
                put_text(&w, "Proxy-Authorization: Basic ");
                put_text(&w, login);
                put_text(&w, "\r\n");
        }
        put_text(&w, "\r\n");
        return w.len;
}

int http_read_answer(const char *data, size_t len, size_t *ret_len, struct err *e)
{
        char digits[4] = "";
        uint64_t status;
        size_t at = 0;

        int whole = find_head(data, len, ret_len, e);
        if (whole <= 0)
                return whole;
        struct span line = next_line(data, *ret_len, &at);
        if (line.len < 12 || memcmp(line.at, "HTTP/1.", 7) != 0 || line.at[8] != ' ' ||
            (line.len > 12 && line.at[12] != ' '))
                return err_set(e, EINVAL, "this is no answer of a proxy");
        memcpy(digits, line.at + 9, 3);
        if (strlen(digits) != 3 || parse_number(digits, 100, 999, &status, e) < 0)
                return err_set(e, EINVAL, "this is no answer of a proxy");
        return (int)status;
}
