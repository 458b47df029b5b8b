#include "no-proxy.h"
#include "progress.h"
#include "proxy.h"
#include "reach.h"
#include "registries.h"
#include "registry-error.h"
#include "url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ------ addresses ------ */

static enum reach reach(const char *text)
{
        struct sockaddr_in v4 = { .sin_family = AF_INET };
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

        if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
                return reach_of((const struct sockaddr *)&v4);
        assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
        return reach_of((const struct sockaddr *)&v6);
}

static void reaches(void **state)
{
        static const struct {
                const char *address;
                enum reach reach;
        } rows[] = {
                { "192.0.2.1", REACH_PUBLIC },
                { "8.8.8.8", REACH_PUBLIC },
                { "2001:db8::1", REACH_PUBLIC },
                { "127.0.0.1", REACH_LOOPBACK },
                { "127.9.9.9", REACH_LOOPBACK },
                { "0.0.0.0", REACH_LOOPBACK },
                { "::1", REACH_LOOPBACK },
                { "::", REACH_LOOPBACK },
                { "::ffff:127.0.0.1", REACH_LOOPBACK },
                { "10.0.0.1", REACH_PRIVATE },
                { "172.16.0.1", REACH_PRIVATE },
                { "172.31.255.255", REACH_PRIVATE },
                { "172.32.0.1", REACH_PUBLIC },
                { "192.168.1.1", REACH_PRIVATE },
                { "100.64.0.1", REACH_PRIVATE },
                { "100.128.0.1", REACH_PUBLIC },
                { "fd00::1", REACH_PRIVATE },
                { "::ffff:192.168.0.1", REACH_PRIVATE },
                { "64:ff9b::a00:1", REACH_PRIVATE },
                { "169.254.169.254", REACH_LINK },
                { "fe80::1", REACH_LINK },
                { "::ffff:169.254.169.254", REACH_LINK },
                { "224.0.0.1", REACH_LINK },
                { "255.255.255.255", REACH_LINK },
                { "ff02::1", REACH_LINK },
                { "64:ff9b::a9fe:a9fe", REACH_LINK },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                if (reach(rows[i].address) != rows[i].reach)
                        fail_msg("%s is of %s", rows[i].address,
                                 reach_name(reach(rows[i].address)));
        }
}

static void hosts(void **state)
{
        static const struct {
                const char *host;
                enum reach reach;
        } rows[] = {
                { "10.0.0.1", REACH_PRIVATE },
                { "[fd00::1]", REACH_PRIVATE },
                { "fd00::1", REACH_PRIVATE },
                { "10.0.0.1.", REACH_PRIVATE },
                { "169.254.169.254", REACH_LINK },
                { "[::ffff:127.0.0.1]", REACH_LOOPBACK },
                { "localhost", REACH_LOOPBACK },
                { "LocalHost.", REACH_LOOPBACK },
                { "a.b.localhost", REACH_LOOPBACK },
                { "192.0.2.1", REACH_PUBLIC },
                { "xlocalhost", REACH_PUBLIC },
                { "localhost.example", REACH_PUBLIC },
                { "10.0.0.1.example", REACH_PUBLIC },
                { "", REACH_PUBLIC },
                { ".", REACH_PUBLIC },
        };
        enum reach got;

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                if (reach_of_host(rows[i].host) != rows[i].reach)
                        fail_msg("'%s' is of %s", rows[i].host,
                                 reach_name(reach_of_host(rows[i].host)));
        }
        assert_true(reach_of_address("10.0.0.1", &got));
        assert_int_equal(got, REACH_PRIVATE);
        assert_false(reach_of_address("localhost", &got));
        assert_false(reach_of_address("", &got));
}

/* ------ proxies ------ */

static void exempt(void **state)
{
        static const struct {
                const char *list;
                const char *host;
                bool is_in;
        } rows[] = {
                { "*", "a.example", true },
                { "a.example", "a.example", true },
                { "a.example", "A.Example.", true },
                { "example", "a.example", true },
                { ".example", "a.example", true },
                { ".example", "example", true },
                { "b,example.,c", "a.example", true },
                { "  b  , example", "a.example", true },
                { "10.0.0.1", "10.0.0.1", true },
                { "10.0.0.0/8", "10.9.9.9", true },
                { "10.0.0.0/9", "10.127.0.0", true },
                { "0.0.0.0/0", "10.9.9.9", true },
                { "fd00::/8", "[fd12::1]", true },
                { "[fd12::1]", "[fd12:0::1]", true },
                { "10.0.0.0/9", "10.128.0.0", false },
                { "10.0.0.0/33", "10.0.0.0", false },
                { "10.0.0.0/", "10.0.0.0", false },
                { "10.0.0.0/8", "fd00::1", false },
                { "10.0.0.0/8", "10.example", false },
                { "0.0.1", "10.0.0.1", false },
                { "example", "xexample", false },
                { "a.example", "example", false },
                { "", "a.example", false },
                { ",. ,", "a.example", false },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                if (no_proxy_has(rows[i].list, rows[i].host) != rows[i].is_in)
                        fail_msg("'%s' and '%s'", rows[i].list, rows[i].host);
        }
}

static void proxies(void **state)
{
        static const char *const names[] = { "http_proxy",  "HTTP_PROXY", "https_proxy",
                                             "HTTPS_PROXY", "all_proxy",  "ALL_PROXY",
                                             "no_proxy",    "NO_PROXY" };
        const struct url https = { .host = "a.example", .port = 443 };
        const struct url plain = { .is_plain = true, .host = "a.example", .port = 80 };
        const struct url local = { .host = "[::1]", .port = 443 };

        (void)state;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                unsetenv(names[i]);
        assert_null(proxy_choose(&https));
        setenv("ALL_PROXY", "all:1", 1);
        assert_string_equal(proxy_choose(&https), "all:1");
        assert_string_equal(proxy_choose(&plain), "all:1");
        assert_null(proxy_choose(&local));
        setenv("HTTPS_PROXY", "upper:1", 1);
        assert_string_equal(proxy_choose(&https), "upper:1");
        assert_string_equal(proxy_choose(&plain), "all:1");
        setenv("https_proxy", "", 1);
        assert_string_equal(proxy_choose(&https), "upper:1");
        setenv("https_proxy", "lower:1", 1);
        assert_string_equal(proxy_choose(&https), "lower:1");
        setenv("NO_PROXY", "b.example, example", 1);
        assert_null(proxy_choose(&https));
        setenv("no_proxy", "b.example", 1);
        assert_string_equal(proxy_choose(&https), "lower:1");
}

/* ------ URLs ------ */

static void urls(void **state)
{
        static const char *const bad[] = {
                "",
                "x",
                "ftp://x/",
                "file:///etc/passwd",
                "//x/y",
                "https://",

                "https://u@x/",
                "https://u:p@x/",
                "https://:p@x/",
                "https://x:0/",
                "https://x:99999/",
                "http://[::1",
                "javascript:x",
                "https://a b/",
        };
        struct err e = { 0 };
        struct url a;
        struct url b;

        (void)state;
        assert_int_equal(url_parse("https://Host.Example/v2/", "it", &a, &e), 0);
        assert_false(a.is_plain);
        assert_int_equal(a.port, 443);
        assert_int_equal(url_parse("https://host.example:443/other", "it", &b, &e), 0);
        assert_true(url_is_same_origin(&a, &b));
        assert_int_equal(url_parse("http://host.example:443/", "it", &b, &e), 0);
        assert_false(url_is_same_origin(&a, &b));
        assert_int_equal(url_parse("https://host.example:444/", "it", &b, &e), 0);
        assert_false(url_is_same_origin(&a, &b));
        assert_int_equal(url_parse("https://host.example.evil/", "it", &b, &e), 0);
        assert_false(url_is_same_origin(&a, &b));
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                if (url_parse(bad[i], "it", &b, &e) == 0)
                        fail_msg("'%s' is taken", bad[i]);
        }
}

static void unquoted(void **state)
{
        static const char *const with_secret[] = {
                "https://u:SECRET@x/",    "https://SECRET@x/",
                "https://:SECRET@x/",     "ftp://u:SECRET@x/",
                "https://u:SECRET@x:0/",  "https://u:SECRET@x:99999/",
                "https://u:SECRET@[::1/", "u:SECRET@x",
                "https://u:SECRET@",
        };
        struct url url;

        (void)state;
        for (size_t i = 0; i < sizeof(with_secret) / sizeof(with_secret[0]); i++) {
                struct err e = { 0 };

                assert_true(url_parse(with_secret[i], "it", &url, &e) < 0);
                if (strstr(e.text, "SECRET"))
                        fail_msg("'%s' is quoted: %s", with_secret[i], e.text);
        }
        /* what has no secret helps to find what is wrong */
        struct err e = { 0 };
        assert_true(url_parse("ftp://x/y", "it", &url, &e) < 0);
        assert_string_equal(e.text, "it 'ftp://x/y' is neither https nor http");
}

static void loopback(void **state)
{
        static const char *const yes[] = { "localhost", "LocalHost", "127.0.0.1",
                                           "127.1.2.3", "::1",       "[::1]" };
        static const char *const no[] = { "localhost.example",
                                          "xlocalhost",
                                          "128.0.0.1",
                                          "127.0.0.1.example",
                                          "10.0.0.1",
                                          "[::2]",
                                          "",
                                          "a.localhost",
                                          "0.0.0.0" };

        (void)state;
        for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
                assert_true(url_is_loopback(yes[i]));
        for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
                if (url_is_loopback(no[i]))
                        fail_msg("'%s' is taken for this machine", no[i]);
        }
}

static void queries(void **state)
{
        struct err e = { 0 };
        char *url = strdup("https://a/token?x=1");

        (void)state;
        assert_int_equal(url_add_query(&url, "service", "a b&c=d", &e), 0);
        assert_int_equal(url_add_query(&url, "none", NULL, &e), 0);
        assert_int_equal(url_add_query(&url, "scope", "repository:x/y:pull", &e), 0);
        if (!strstr(url, "https://a/token?x=1&service=a+b%26c%3dd&scope=repository%3ax%2fy%3apull"))
                fail_msg("%s", url);
        free(url);
}

/* ------ registries.conf ------ */

static int read_conf(struct registries *r, const char *text, const char *file, struct err *e)
{
        char *copy = strdup(text);
        int result = registries_read(r, copy, file, e);

        free(copy);
        return result;
}

static void good_conf(void **state)
{
        static const char text[] = "# all of it\n\n[docker.io]\n  mirror = https://a.example/x/\n"
                                   "mirror=http://127.0.0.1:5000\ninsecure = no\n"
                                   "[host:5000]\r\ninsecure = yes\nca = /etc/ca.pem";
        autoregistries r = { 0 };
        struct err e = { 0 };

        (void)state;
        assert_int_equal(read_conf(&r, text, "one", &e), 0);
        const struct registry *docker = registries_find(&r, "docker.io");
        assert_non_null(docker);
        assert_int_equal(docker->n_mirrors, 2);
        assert_string_equal(docker->mirrors[0], "https://a.example/x");
        assert_string_equal(docker->mirrors[1], "http://127.0.0.1:5000");
        assert_false(docker->is_insecure);
        const struct registry *host = registries_find(&r, "HOST:5000");
        assert_non_null(host);
        assert_true(host->is_insecure);
        assert_string_equal(host->ca, "/etc/ca.pem");
        assert_null(registries_find(&r, "host"));
        /* a later file takes the place of what an earlier one says of a registry */
        assert_int_equal(
                read_conf(&r, "[docker.io]\nca = /x\n[docker.io]\ninsecure=yes", "two", &e), 0);
        docker = registries_find(&r, "docker.io");
        assert_int_equal(docker->n_mirrors, 0);
        assert_string_equal(docker->ca, "/x");
        assert_true(docker->is_insecure);
        assert_true(registries_find(&r, "host:5000")->is_insecure);
}

static void bad_conf(void **state)
{
        static const struct {
                const char *text;
                const char *error;
        } rows[] = {
                { "mirror = https://x", "f:1: 'mirror' stands before" },
                { "\n\n[x", "f:3: a section is" },
                { "[]", "f:1: '' is not the name" },
                { "[https://x]", "f:1: 'https://x' is not the name" },
                { "[a/b]", "f:1: 'a/b' is not the name" },
                { "[x]\nmirrors = https://y", "f:2: unknown key 'mirrors'\ndid you mean 'mirror'" },
                { "[x]\nfoo = y", "f:2: unknown key 'foo'" },
                { "[x]\nMirror = https://y", "f:2: unknown key 'Mirror'" },
                { "[x]\nmirror", "f:2: 'mirror' is not a line KEY = VALUE" },
                { "[x]\nmirror =", "f:2: 'mirror' has no value" },
                { "[x]\nmirror = y.example", "f:2: the mirror 'y.example' is not a URL" },
                { "[x]\nmirror = http://y.example", "is not https" },
                { "[x]\nmirror = HTTPS://y", "does not begin with https://" },
                { "[x]\nmirror = https://u:p@y", "has a user name in it" },
                { "[x]\nmirror = https://y?z", "has more than a path" },
                { "[x]\ninsecure = perhaps", "f:2: " },
                { "[x]\nca = ca.pem", "f:2: 'ca.pem' is not an absolute path" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                autoregistries r = { 0 };
                struct err e = { 0 };

                if (read_conf(&r, rows[i].text, "f", &e) == 0)
                        fail_msg("'%s' is taken", rows[i].text);
                if (!strstr(e.text, rows[i].error))
                        fail_msg("'%s': %s", rows[i].text, e.text);
        }
}

/* ------ progress ------ */

static void bars(void **state)
{
        static const struct digest d = { .hex = "0123456789abcdef" };
        struct progress_row row = { .digest = &d, .got = 500000, .size = 2000000 };
        char text[200];

        (void)state;
        progress_bar(text, sizeof(text), &row, 70);
        assert_string_equal(text,
                            "0123456789ab  [=======>                        ]  500.0kB of 2.0MB");
        for (int width = 0; width < 200; width++) {
                for (row.got = 0; row.got <= row.size; row.got += 250000) {
                        progress_bar(text, sizeof(text), &row, width);
                        assert_true(strlen(text) <= (size_t)width);
                }
        }
        row.size = 0;
        row.got = 0;
        progress_bar(text, sizeof(text), &row, 70);
        row.is_waiting = true;
        progress_bar(text, sizeof(text), &row, 70);
        assert_non_null(strstr(text, "waiting to try again"));
}

/* ------ what went wrong ------ */

static void failures(void **state)
{
        static struct http h = { .spec.url = "https://h.example:5000/v2/" };
        struct err e = { 0 };

        (void)state;
        assert_int_equal(http_tell(&h, CURLE_OPERATION_TIMEDOUT, &e), -ETIMEDOUT);
        assert_non_null(strstr(e.text, "'h.example' does not answer in time"));
        assert_non_null(strstr(err_get_hint(&e), "HTTPS_PROXY"));
        snprintf(h.curl_error, sizeof(h.curl_error), "Connection reset by peer");
        http_tell(&h, CURLE_RECV_ERROR, &e);
        assert_string_equal(e.text, "'h.example' port 5000: Connection reset by peer");
        assert_int_equal(http_tell(&h, CURLE_SSL_CONNECT_ERROR, &e), -HTTP_NO_TLS);
}

static void missing(void **state)
{
        static const struct {
                enum registry_thing thing;
                const char *hint; /* how it begins; NULL: there is none */
        } rows[] = {
                { REGISTRY_TAG, "is the tag right?" },
                { REGISTRY_DIGEST, "is the digest right?" },
                { REGISTRY_PART, "the image is not whole there" },
                { REGISTRY_TOKEN, NULL },
        };
        static struct endpoint point = { .host = "h.example", .repo = "team/x" };
        static struct reply reply = { .status = 404 };
        struct client c = { .endpoint = &point };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct err e = { 0 };

                assert_int_equal(registry_error_tell(&c, rows[i].thing, "it", &reply, &e), -ENOENT);
                const char *hint = err_get_hint(&e);
                assert_int_equal(!hint, !rows[i].hint);
                if (hint)
                        assert_ptr_equal(strstr(hint, rows[i].hint), hint);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reaches),  cmocka_unit_test(hosts),   cmocka_unit_test(exempt),
                cmocka_unit_test(proxies),  cmocka_unit_test(urls),    cmocka_unit_test(unquoted),
                cmocka_unit_test(loopback), cmocka_unit_test(queries), cmocka_unit_test(good_conf),
                cmocka_unit_test(bad_conf), cmocka_unit_test(bars),    cmocka_unit_test(failures),
                cmocka_unit_test(missing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
