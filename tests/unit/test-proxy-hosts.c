/*
 * Tricks with names and spellings of addresses: what one reader takes for the allowed name and
 * another one for something else is no host at all, whichever way it comes in.
 */

#include "http.h"
#include "socks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct text {
        const char *bytes;
        size_t len;
};

#define TEXT(s)                                                                                    \
        {                                                                                          \
                s, sizeof(s) - 1                                                                   \
        }

static const struct text tricks[] = {
        TEXT(""),
        TEXT("."),
        TEXT(".."),
        TEXT(".allowed.test"),
        TEXT("allowed..test"),
        TEXT("allowed.test.."),
        TEXT("allowed.test\0.evil.test"),
        TEXT("evil.test\0.allowed.test"),
        TEXT("\0allowed.test"),
        TEXT("allowed.test\0"),
        TEXT("evil.test#.allowed.test"),
        TEXT("evil.test/.allowed.test"),
        TEXT("evil.test?.allowed.test"),
        TEXT("evil.test\\.allowed.test"),
        TEXT("evil.test@allowed.test"),
        TEXT("allowed.test@evil.test"),
        TEXT("user:pass@allowed.test"),
        TEXT("evil.test%00.allowed.test"),
        TEXT("allowed.test%2eevil.test"),
        TEXT("allowed%2etest"),
        TEXT("allowed.test%0d%0aHost:x"),
        TEXT("allowed.test "),
        TEXT(" allowed.test"),
        TEXT("allowed .test"),
        TEXT("allowed\ttest"),
        TEXT("allowed.test\t"),
        TEXT("allowed.test\r"),
        TEXT("allowed.test\n"),
        TEXT("allowed.test\r\nHost: evil.test"),
        TEXT("allowed.test\n.evil.test"),
        TEXT("allowed.test\x0b"),
        TEXT("allowed.test\x7f"),
        TEXT("allowed.test\x1b[31m"),
        TEXT("allow\xc3\xa9"
             "d.test"),
        TEXT("\xef\xbd\x81llowed.test"),
        TEXT("allowed\xe3\x80\x82test"),
        TEXT("allowed.test\xe2\x80\xae"),
        TEXT("allowed\xff.test"),
        TEXT("-allowed.test"),
        TEXT("allowed-.test"),
        TEXT("allowed.-test"),
        TEXT("*.allowed.test"),
        TEXT("*"),
        TEXT("allowed.test,evil.test"),
        TEXT("allowed.test;evil.test"),
        TEXT("allowed.test|evil.test"),
        TEXT("allowed.test&evil.test"),
        TEXT("allowed.test=evil.test"),
        TEXT("$(evil).allowed.test"),
        TEXT("allowed.test:443:80"),
        TEXT("allowed.test:"),
        TEXT("[allowed.test]"),
        TEXT("[allowed.test"),
        TEXT("allowed.test]"),
        TEXT("http://allowed.test"),
        TEXT("//allowed.test"),
        TEXT("allowed.test/"),
        TEXT("'allowed.test'"),
        TEXT("\"allowed.test\""),
        TEXT("(allowed.test)"),
        TEXT("<allowed.test>"),
        TEXT("allowed~test"),
        TEXT("allowed!test"),
        TEXT("allowed^test"),
        TEXT("allowed+test"),
        /* 64 bytes in a label; 254 in all */
        TEXT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.test"),
        TEXT("aaaaaaaaa.aaaaaaaaa.aaaaaaaaa.aaaaaaaaa.aaaaaaaaa.aaaaaaaaa.aaaaaaaaa.aaaaaaaaa."
             "aaaaaaaaa.aaaaaaaaa.aaaaaaaaa.aaaaaaaaa.aaaaaaaaa.aaaaaaaaa.aaaaaaaaa.aaaaaaaaa."
             "aaaaaaaaa.aaaaaaaaa.aaaaaaaaa.aaaaaaaaa.aaaaaaaaa.aaaaaaaaa.aaaaaaaaa.aaaaaaaaa."
             "aaaaaaaaa.test"),
};

/* Spellings that some reader takes for 127.0.0.1, 0.0.0.0, ::1 or 169.254.169.254. */
static const char *const spellings[] = {
        "127.1",
        "127.0.1",
        "127.0.0.01",
        "127.0.0.001",
        "0127.0.0.1",
        "0177.0.0.1",
        "0177.1",
        "0x7f.0.0.1",
        "0x7f.1",
        "0x7f000001",
        "0X7F000001",
        "0x7f.0x0.0x0.0x1",
        "2130706433",
        "017700000001",
        "127.0.0.0x1",
        "0x7F.0.1",
        "127.0.0.1 ",
        "127.0.0.1\t",
        "0",
        "0x0",
        "00",
        "0.0",
        "0.0.0",
        "127.0.0.256",
        "127.0.0.1.",
        "127.0.0.1..",
        "127.0.0.1%lo",
        "::1%lo",
        "[::1]",
        "[127.0.0.1]",
        "fe80::1%eth0",
        "::ffff:127.0.0.1%1",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "169.254.43518",
        "169.16689662",
        "127.0.0.1,8.8.8.8",
        "127.0.0.1/8",
        "0x7f.0.0.1.",
        "1",
        "65535",
        "4294967295",
};

static void no_hosts(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof(tricks) / sizeof(tricks[0]); i++) {
                struct target t = { 0 };
                struct err e = { 0 };

                if (target_parse_host(tricks[i].bytes, tricks[i].len, false, &t, &e) == 0)
                        fail_msg("'%s' is taken for '%s'", tricks[i].bytes, t.name);
                assert_int_equal(t.address.family, 0);
        }
        for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
                struct target t = { 0 };
                struct err e = { 0 };

                if (target_parse_host(spellings[i], strlen(spellings[i]), false, &t, &e) == 0)
                        fail_msg("'%s' is taken for a host", spellings[i]);
        }
}

/* As a request, in each of the two forms. */
static int read_as(bool is_connect, const char *host, size_t len, struct http_request *ret)
{
        char text[600];
        struct err e = { 0 };
        size_t n = (size_t)snprintf(text, sizeof(text), is_connect ? "CONNECT " : "GET http://");

        memcpy(text + n, host, len);
        n += len;
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s HTTP/1.1\r\n\r\n",
                              is_connect ? ":443" : "/");
        return http_read(text, n, ret, &e);
}

static void no_requests(void **state)
{
        struct http_request r;

        (void)state;
        for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
                bool is_right = strcmp(spellings[i], "[::1]") == 0;

                if ((read_as(true, spellings[i], strlen(spellings[i]), &r) > 0) != is_right)
                        fail_msg("CONNECT %s", spellings[i]);
                /* "127.0.0.1/8" is the page "8/" there */
                is_right = is_right || strchr(spellings[i], '/');
                if ((read_as(false, spellings[i], strlen(spellings[i]), &r) > 0) != is_right)
                        fail_msg("GET http://%s/", spellings[i]);
        }
        for (size_t i = 0; i < sizeof(tricks) / sizeof(tricks[0]); i++) {
                if (read_as(true, tricks[i].bytes, tricks[i].len, &r) > 0)
                        fail_msg("'%s' is taken for '%s'", tricks[i].bytes, r.target.name);
                /* what is a page there is one of the host in front of it, which is judged */
                if (read_as(false, tricks[i].bytes, tricks[i].len, &r) > 0 &&
                    strcmp(r.target.name, "evil.test") != 0 &&
                    strcmp(tricks[i].bytes, "allowed.test/") != 0)
                        fail_msg("'%s' is taken for '%s'", tricks[i].bytes, r.target.name);
        }
}

static void no_socks_requests(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof(tricks) / sizeof(tricks[0]); i++) {
                uint8_t data[300] = { 5, 1, 0, 3, (uint8_t)tricks[i].len };
                enum socks_reply reply;
                struct target t;
                struct err e = { 0 };
                size_t len;

                memcpy(data + 5, tricks[i].bytes, tricks[i].len);
                data[5 + tricks[i].len] = 1;
                if (socks_read_request(data, 7 + tricks[i].len, &t, &reply, &len, &e) > 0)
                        fail_msg("'%s' is taken for '%s'", tricks[i].bytes, t.name);
        }
        for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
                uint8_t data[300] = { 5, 1, 0, 3, (uint8_t)strlen(spellings[i]) };
                enum socks_reply reply;
                struct target t;
                struct err e = { 0 };
                size_t len;

                memcpy(data + 5, spellings[i], strlen(spellings[i]));
                data[5 + strlen(spellings[i])] = 1;
                if (socks_read_request(data, 7 + strlen(spellings[i]), &t, &reply, &len, &e) > 0)
                        fail_msg("'%s' is taken", spellings[i]);
        }
}

static void right_hosts(void **state)
{
        static const struct {
                const char *text;
                const char *name;
        } rows[] = {
                { "allowed.test", "allowed.test" },
                { "ALLOWED.Test", "allowed.test" },
                { "allowed.test.", "allowed.test" },
                { "xn--allowd-gva.test", "xn--allowd-gva.test" },
                { "_acme.allowed.test", "_acme.allowed.test" },
                { "1.2.3.allowed.test", "1.2.3.allowed.test" },
                { "localhost", "localhost" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct target t = { 0 };
                struct err e = { 0 };

                assert_int_equal(
                        target_parse_host(rows[i].text, strlen(rows[i].text), false, &t, &e), 0);
                assert_string_equal(t.name, rows[i].name);
        }
}

static void right_addresses(void **state)
{
        struct target t = { 0 };
        struct err e = { 0 };

        (void)state;
        assert_int_equal(target_parse_host("127.0.0.1", 9, false, &t, &e), 0);
        assert_int_equal(t.address.family, AF_INET);
        assert_int_equal(t.name[0], 0);
        assert_int_equal(target_parse_host("::1", 3, true, &t, &e), 0);
        assert_int_equal(t.address.family, AF_INET6);
        assert_int_equal(target_parse_host("::ffff:127.0.0.1", 16, true, &t, &e), 0);
        assert_int_equal(t.address.family, AF_INET6);
        assert_true(target_parse_host("127.0.0.1", 9, true, &t, &e) < 0);
        assert_true(target_parse_host("::1", 3, false, &t, &e) < 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(no_hosts),          cmocka_unit_test(no_requests),
                cmocka_unit_test(no_socks_requests), cmocka_unit_test(right_hosts),
                cmocka_unit_test(right_addresses),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
