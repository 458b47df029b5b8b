#include "http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int read_text(const char *text, struct http_request *ret)
{
        struct err e = { 0 };
        size_t len = strlen(text);
        char *copy = malloc(len ? len : 1);

        memcpy(copy, text, len);
        int r = http_read(copy, len, ret, &e);
        free(copy);
        assert_int_equal(r < 0, e.code != 0);
        return r;
}

static void requests(void **state)
{
        static const struct {
                const char *text;
                const char *host;
                uint16_t port;
                bool is_connect;
        } rows[] = {
                { "CONNECT a.test:443 HTTP/1.1\r\n\r\n", "a.test", 443, true },
                { "CONNECT A.Test.:22 HTTP/1.0\r\nHost: other.test\r\n\r\n", "a.test", 22, true },
                { "CONNECT [2001:db8::1]:443 HTTP/1.1\r\n\r\n", "2001:db8::1", 443, true },
                { "CONNECT 1.2.3.4:443 HTTP/1.1\r\nA:b\r\n\r\n", "1.2.3.4", 443, true },
                { "GET http://a.test/x HTTP/1.1\r\n\r\n", "a.test", 80, false },
                { "GET http://a.test HTTP/1.1\r\n\r\n", "a.test", 80, false },
                { "GET HTTP://a.test:8080?q HTTP/1.1\r\n\r\n", "a.test", 8080, false },
                { "POST http://a.test:80/ HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "a.test", 80,
                  false },
                { "GET http://[::1]/ HTTP/1.1\r\n\r\n", "::1", 80, false },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                char host[NET_RULE_MAX_NAME + 1];
                struct http_request r;

                if (read_text(rows[i].text, &r) != 1)
                        fail_msg("'%s' is not taken", rows[i].text);
                assert_string_equal(target_print_host(&r.target, host), rows[i].host);
                assert_int_equal(r.target.port, rows[i].port);
                assert_int_equal(r.is_connect, rows[i].is_connect);
        }
}

static void no_requests(void **state)
{
        static const char *const texts[] = {
                "\r\n\r\n",
                "CONNECT\r\n\r\n",
                "CONNECT a.test:443\r\n\r\n",
                "CONNECT a.test:443 HTTP/2.0\r\n\r\n",
                "CONNECT a.test:443 HTTP/1.1 x\r\n\r\n",
                "CONNECT  a.test:443 HTTP/1.1\r\n\r\n",
                " CONNECT a.test:443 HTTP/1.1\r\n\r\n",
                "CONNECT a.test HTTP/1.1\r\n\r\n",
                "CONNECT a.test: HTTP/1.1\r\n\r\n",
                "CONNECT a.test:0 HTTP/1.1\r\n\r\n",
                "CONNECT a.test:65536 HTTP/1.1\r\n\r\n",
                "CONNECT a.test:4x HTTP/1.1\r\n\r\n",
                "CONNECT a.test:+44 HTTP/1.1\r\n\r\n",
                "CONNECT a.test:000443 HTTP/1.1\r\n\r\n",
                "CONNECT :443 HTTP/1.1\r\n\r\n",
                "CONNECT http://a.test:443 HTTP/1.1\r\n\r\n",
                "CONNECT a.test:443/ HTTP/1.1\r\n\r\n",
                "CONNECT u@a.test:443 HTTP/1.1\r\n\r\n",
                "CONNECT [::1:443 HTTP/1.1\r\n\r\n",
                "CONNECT [::1]443 HTTP/1.1\r\n\r\n",
                "CONNECT ::1:443 HTTP/1.1\r\n\r\n",
                "CONNECT [a.test]:443 HTTP/1.1\r\n\r\n",
                "CONNECT [::1%lo]:443 HTTP/1.1\r\n\r\n",
                "connect a.test:443 HTTP/1.1\r\n\r\n",
                "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
                "GET https://a.test/ HTTP/1.1\r\n\r\n",
                "GET ftp://a.test/ HTTP/1.1\r\n\r\n",
                "GET http:///x HTTP/1.1\r\n\r\n",
                "GET http://a.test@b.test/ HTTP/1.1\r\n\r\n",
                "GET http://a.test:80:80/ HTTP/1.1\r\n\r\n",
                "G(T http://a.test/ HTTP/1.1\r\n\r\n",
                "GET http://a.test/\tx HTTP/1.1\r\n\r\n",
                "GET http://a.test/\nx HTTP/1.1\r\n\r\n",
                "GET http://a.test/ HTTP/1.1\nHost: b.test\r\n\r\n",
                "GET http://a.test/ HTTP/1.1\rHost: b.test\r\n\r\n",
                /* what servers read differently */
                "GET http://a.test/ HTTP/1.1\r\n folded\r\n\r\n",
                "GET http://a.test/ HTTP/1.1\r\nA: b\r\n\tfolded\r\n\r\n",
                "GET http://a.test/ HTTP/1.1\r\nContent-Length : 3\r\n\r\n",
                "GET http://a.test/ HTTP/1.1\r\nno field\r\n\r\n",
                "GET http://a.test/ HTTP/1.1\r\n: b\r\n\r\n",
                "GET http://a.test/ HTTP/1.1\r\nA: b\rc\r\n\r\n",
                "GET http://a.test/ HTTP/1.1\r\nA: b\nC: d\r\n\r\n",
                "GET http://a.test/ HTTP/1.1\r\nA\x01: b\r\n\r\n",
                "\x16\x03\x01\x02\r\n\r\n",
                "SSH-2.0-x\r\n\r\n",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                struct http_request r;

                if (read_text(texts[i], &r) >= 0)
                        fail_msg("'%s' is taken", texts[i]);
        }
}

static void pieces(void **state)
{
        static const char text[] = "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\nrest";
        struct http_request r;
        struct err e = { 0 };
        char *big = malloc(HTTP_MAX_HEAD + 10);

        (void)state;
        for (size_t len = 0; len < sizeof(text) - 5; len++)
                assert_int_equal(http_read(text, len, &r, &e), 0);
        assert_int_equal(http_read(text, sizeof(text) - 1, &r, &e), 1);
        assert_int_equal(r.head_len, sizeof(text) - 5);
        memset(big, 'a', HTTP_MAX_HEAD + 10);
        assert_int_equal(http_read(big, HTTP_MAX_HEAD - 1, &r, &e), 0);
        assert_true(http_read(big, HTTP_MAX_HEAD, &r, &e) < 0);
        memcpy(big + HTTP_MAX_HEAD, "\r\n\r\n", 4);
        assert_true(http_read(big, HTTP_MAX_HEAD + 4, &r, &e) < 0);
        free(big);
}

static void rewritten(void **state)
{
        static const struct {
                const char *text;
                const char *want;
        } rows[] = {
                { "GET http://a.test/x?y=http://b.test HTTP/1.1\r\n\r\n",
                  "GET /x?y=http://b.test HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n" },
                { "GET http://a.test HTTP/1.0\r\n\r\n",
                  "GET / HTTP/1.0\r\nHost: a.test\r\nConnection: close\r\n\r\n" },
                { "GET http://a.test?q#f HTTP/1.1\r\n\r\n",
                  "GET /?q HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n" },
                { "GET http://A.test:8080/ HTTP/1.1\r\nHost: evil.test\r\nProxy-Connection: keep-alive\r\n"
                  "proxy-authorization: Basic eDp5\r\nCONNECTION: keep-alive\r\nUpgrade: h2c\r\n"
                  "Accept: */*\r\n\r\n",
                  "GET / HTTP/1.1\r\nHost: a.test:8080\r\nConnection: close\r\nAccept: */*\r\n\r\n" },
                { "POST http://[::1]/ HTTP/1.1\r\nContent-Length: 3\r\n\r\n",
                  "POST / HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\nContent-Length: 3\r\n\r\n" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                char out[HTTP_MAX_HEAD + 512];
                struct http_request r;

                assert_int_equal(read_text(rows[i].text, &r), 1);
                size_t len = http_rewrite(rows[i].text, &r, out);
                out[len] = '\0';
                assert_string_equal(out, rows[i].want);
        }
}

/* However long the parts are, what is written fits. */
static void rewritten_longest(void **state)
{
        char *text = malloc(HTTP_MAX_HEAD + 1);
        char *out = malloc(HTTP_MAX_HEAD + 512);
        struct http_request r;
        size_t len = (size_t)snprintf(text, HTTP_MAX_HEAD, "GET http://");

        (void)state;
        /* the longest name: it comes twice */
        memset(text + len, 'a', NET_RULE_MAX_NAME);
        for (size_t i = 50; i < NET_RULE_MAX_NAME; i += 50)
                text[len + i] = '.';
        len += NET_RULE_MAX_NAME;
        text[len++] = '?';
        memset(text + len, 'p', HTTP_MAX_HEAD - len);
        memcpy(text + HTTP_MAX_HEAD - 13, " HTTP/1.1\r\n\r\n", 13);
        text[HTTP_MAX_HEAD] = '\0';
        assert_int_equal(read_text(text, &r), 1);
        assert_int_equal(r.head_len, HTTP_MAX_HEAD);
        assert_true(http_rewrite(text, &r, out) <= HTTP_MAX_HEAD + 512);
        free(text);
        free(out);
}

static void upstream(void **state)
{
        struct target t = { .name = "a.test", .port = 443 };
        struct err e = { 0 };
        char out[2048];
        size_t head;

        (void)state;
        out[http_print_connect(&t, NULL, out)] = '\0';
        assert_string_equal(out, "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n");
        out[http_print_connect(&t, "eDp5", out)] = '\0';
        assert_non_null(strstr(out, "\r\nProxy-Authorization: Basic eDp5\r\n\r\n"));
        assert_int_equal(http_read_answer("HTTP/1.1 200 OK\r\nA: b\r\n\r\nrest", 29, &head, &e),
                         200);
        assert_int_equal(head, 25);
        assert_int_equal(http_read_answer("HTTP/1.0 407 \r\n\r\n", 17, &head, &e), 407);
        assert_int_equal(http_read_answer("HTTP/1.1 200\r\n\r\n", 16, &head, &e), 200);
        assert_int_equal(http_read_answer("HTTP/1.1 200 OK\r\n", 17, &head, &e), 0);
        assert_true(http_read_answer("HTTP/1.1 2000\r\n\r\n", 17, &head, &e) < 0);
        assert_true(http_read_answer("HTTP/1.1 20\r\n\r\n", 15, &head, &e) < 0);
        assert_true(http_read_answer("HTTP/1.1 2x0 OK\r\n\r\n", 19, &head, &e) < 0);
        assert_true(http_read_answer("HTTP/2 200 OK xx\r\n\r\n", 20, &head, &e) < 0);
        assert_true(http_read_answer("\r\n\r\n", 4, &head, &e) < 0);
}

static void errors(void **state)
{
        char out[1024];

        (void)state;
        out[http_print_error(403, "no rule\x1b[31m", out)] = '\0';
        assert_non_null(strstr(out, "HTTP/1.1 403 Forbidden\r\n"));
        assert_non_null(strstr(out, "\r\nContent-Length: 22\r\n"));
        assert_non_null(strstr(out, "\r\n\r\nkelp: no rule\\x1b[31m\n"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(requests),
                cmocka_unit_test(no_requests),
                cmocka_unit_test(pieces),
                cmocka_unit_test(rewritten),
                cmocka_unit_test(rewritten_longest),
                cmocka_unit_test(upstream),
                cmocka_unit_test(errors),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
