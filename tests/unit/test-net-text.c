/* The texts of the network: resolv.conf, hosts, requests and answers of slirp4netns, hints. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "resolv.h"
#include "slirp-api.h"
#include "tap.h"

#include <errno.h>
#include <string.h>

static const char host_resolv[] = "# by hand\n"
                                  "nameserver 127.0.0.53\n"
                                  "options edns0 trust-ad\n"
                                  "search\tcorp.example example\n"
                                  "searching for nothing\n"
                                  "domain old.example";

static void assert_resolv(const struct plan *p, const char *host, const char *expected)
{
        struct arena arena = { 0 };
        struct err e = { 0 };
        char *text = resolv_text(p, host, &arena, &e);

        assert_non_null(text);
        assert_string_equal(text, expected);
        arena_done(&arena);
}

static void test_resolv(void **state)
{
        const char *dns[] = { "9.9.9.9", "2620:fe::fe" };
        struct plan p = { .net = { .mode = PLAN_NETWORK_USER } };

        (void)state;
        assert_resolv(&p, host_resolv,
                      "nameserver 10.0.2.3\noptions edns0 trust-ad\n"
                      "search\tcorp.example example\ndomain old.example\n");
        assert_resolv(&p, "", "nameserver 10.0.2.3\n");
        assert_resolv(&p, "search", "nameserver 10.0.2.3\n");

        p.net.dns = dns;
        p.net.n_dns = 2;
        assert_resolv(&p, "nameserver 127.0.0.53\nsearch a\n",
                      "nameserver 9.9.9.9\nnameserver 2620:fe::fe\nsearch a\n");
        p.net.mode = PLAN_NETWORK_HOST;
        assert_resolv(&p, "nameserver 127.0.0.53\n",
                      "nameserver 9.9.9.9\nnameserver 2620:fe::fe\n");
        p.net.n_dns = 0;
        assert_resolv(&p, host_resolv, host_resolv);
}

/* Without a network nothing is asked, and nothing of the host's is told. */
static void test_resolv_none(void **state)
{
        struct plan p = { .net = { .mode = PLAN_NETWORK_NONE } };
        struct arena arena = { 0 };
        struct err e = { 0 };
        char *text = resolv_text(&p, host_resolv, &arena, &e);

        (void)state;
        assert_non_null(text);
        assert_null(strstr(text, "nameserver"));
        assert_null(strstr(text, "example"));
        arena_done(&arena);
}

static void test_hosts(void **state)
{
        struct plan_host_name names[] = { { "db", "10.1.2.3" }, { "six", "fd00::7" } };
        struct plan p = { .net = { .host_name = "box", .hosts = names, .n_hosts = 2 } };
        struct arena arena = { 0 };
        struct err e = { 0 };
        char *text = hosts_text(&p, "127.0.0.1 localhost\n10.9.9.9 db\n1.2.3.4 own", &arena, &e);

        (void)state;
        assert_non_null(text);
        assert_string_equal(text, "10.1.2.3 db\nfd00::7 six\n127.0.0.1 localhost\n10.9.9.9 db\n"
                                  "1.2.3.4 own\n127.0.1.1 box\n");
        arena_done(&arena);
}

static void test_request(void **state)
{
        struct plan_port port = { .host_address = "127.0.0.1", .host_port = 65535, .box_port = 1 };
        static const char *const bad[] = {
                "::1", "", "localhost", "127.0.0.1\"", "127.0.0.1\",\"x\":\"", "1.2.3", "1.2.3.256",
        };
        char buffer[256];
        char small[40];
        struct err e = { 0 };

        (void)state;
        assert_int_equal(slirp_api_request(&port, buffer, sizeof(buffer), &e), 0);
        assert_string_equal(buffer, "{\"execute\":\"add_hostfwd\",\"arguments\":{\"proto\":\"tcp\","
                                    "\"host_addr\":\"127.0.0.1\",\"host_port\":65535,"
                                    "\"guest_port\":1}}");
        assert_int_equal(slirp_api_request(&port, small, sizeof(small), &e), -ENOBUFS);
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                port.host_address = bad[i];
                assert_int_equal(slirp_api_request(&port, buffer, sizeof(buffer), &e),
                                 -EAFNOSUPPORT);
                assert_non_null(err_get_hint(&e));
        }
}

static void test_answer(void **state)
{
        static const char *const bad[] = {
                "",
                "{",
                "{\"error\":{\"desc\":\"no such port\"}}",
                "{\"return\":{\"id\":1},\"error\":{}}",
                "{\"error\":{\"desc\":\"unterminated",
                "{\"error\":42}",
                "hello",
        };
        struct err e = { 0 };

        (void)state;
        assert_int_equal(slirp_api_judge("{\"return\":{\"id\":1}}", &e), 0);
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                e = (struct err){ 0 };
                assert_true(slirp_api_judge(bad[i], &e) < 0);
                assert_true(e.code > 0 && e.text[0] != '\0');
        }
        slirp_api_judge("{\"error\":{\"desc\":\"no such port\"}}", &e);
        assert_non_null(strstr(e.text, "'no such port'"));
}

/* Each way in which /dev/net/tun fails has its own words and its own fix. */
static void test_tun(void **state)
{
        static const int codes[] = { ENOENT, ENODEV, EPERM };
        char texts[3][504];
        struct err e = { 0 };

        (void)state;
        for (size_t i = 0; i < 3; i++) {
                assert_int_equal(tap_explain(codes[i], &e), -codes[i]);
                assert_non_null(strstr(e.text, "'/dev/net/tun'"));
                /* why there is no such file is found out where that is asked: e2e/network */
                assert_int_equal(err_get_hint(&e) != NULL, codes[i] != ENOENT);
                memcpy(texts[i], e.text, sizeof(texts[i]));
        }
        assert_string_not_equal(texts[0], texts[1]);
        assert_string_not_equal(texts[1], texts[2]);
        assert_non_null(strstr(texts[2], "outer container"));
        assert_int_equal(tap_explain(EMFILE, &e), -EMFILE);
        assert_non_null(strstr(e.text, "Too many open files"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_resolv), cmocka_unit_test(test_resolv_none),
                cmocka_unit_test(test_hosts),  cmocka_unit_test(test_request),
                cmocka_unit_test(test_answer), cmocka_unit_test(test_tun),
        };

        return cmocka_run_group_tests_name("net-text", tests, NULL, NULL);
}
