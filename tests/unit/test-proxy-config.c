#include "config.h"
#include "journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LISTEN "listen 7\n"

static int read_config(const char *text, struct config *c, struct err *e)
{
        char *copy = strdup(text);
        int r = config_parse(c, copy, e);

        free(copy);
        return r;
}

static void whole(void **state)
{
        struct err e = { 0 };
        struct config c;

        (void)state;
        assert_int_equal(read_config("rule allow *.A.test:80-90\nrule deny 10.0.0.0/8\n"
                                     "listen 7\ndns-udp 8\ndns-tcp 9\nconnect 10\nsocks 11\n"
                                     "forward 12 localhost 5432\nforward 13 ::1 80\n"
                                     "fakes 198.19.0.0/16\nlog 14\nevents\n"
                                     "dns-server 192.0.2.1\ndns-server ::1 5353\n"
                                     "upstream proxy.test 3128 eDp5\nno-proxy a b c d e f\n"
                                     "no-proxy g\n",
                                     &c, &e),
                         0);
        assert_int_equal(c.n_rules, 2);
        assert_string_equal(c.rules[0].name, "a.test");
        assert_true(c.rules[1].is_deny);
        assert_int_equal(c.n_listeners, 7);
        assert_int_equal(c.listeners[5].kind, LISTENER_FORWARD);
        assert_int_equal(c.listeners[5].n_addresses, 2);
        assert_int_equal(c.listeners[6].n_addresses, 1);
        assert_int_equal(c.listeners[6].address[0].family, AF_INET6);
        assert_int_equal(c.fakes, 0xc6130000u);
        assert_int_equal(c.fakes_bits, 16);
        assert_int_equal(c.log_fd, 14);
        assert_true(c.has_events);
        assert_string_equal(c.dns_servers, "192.0.2.1:53,[::1]:5353");
        assert_string_equal(c.upstream, "proxy.test");
        assert_string_equal(c.upstream_login, "eDp5");
        assert_string_equal(c.no_proxy, "a b c d e f g");
        config_done(&c);
}

static void least(void **state)
{
        struct err e = { 0 };
        struct config c;

        (void)state;
        assert_int_equal(read_config(LISTEN, &c, &e), 0);
        assert_int_equal(c.log_fd, -1);
        assert_false(c.has_events);
        assert_null(c.upstream);
        config_done(&c);
}

static void wrong(void **state)
{
        static const struct {
                const char *text;
                const char *error;
        } rows[] = {
                { "", "there is nothing to listen on" },
                { "events\n", "there is nothing to listen on" },
                { "\n" LISTEN, "line 1 of the configuration" },
                { LISTEN "allow a.test\n", "line 2 of the configuration: 'allow'" },
                { LISTEN "rule a.test\n", "line 2" },
                { LISTEN "rule permit a.test\n", "line 2" },
                { LISTEN "rule allow a..test\n", "line 2" },
                { LISTEN "rule allow a.test b.test\n", "line 2" },
                { LISTEN "rule  allow a.test\n", "line 2" },
                { "listen\n", "line 1" },
                { "listen x\n", "line 1" },
                { "listen -1\n", "line 1" },
                { "listen 7 8\n", "line 1" },
                { "listen 99999999999\n", "line 1" },
                { "forward 7 127.0.0.1\n", "line 1" },
                { "forward 7 127.1 80\n", "line 1" },
                { "forward 7 127.0.0.1 0\n", "line 1" },
                { "forward 7 host.test 80\n", "line 1" },
                { "dns-udp 7\n", "names need a network" },
                { LISTEN "fakes 198.19.0.0\n", "line 2" },
                { LISTEN "fakes 198.19.0.0/15\n", "line 2" },
                { LISTEN "fakes 198.19.0.1/16\n", "line 2" },
                { LISTEN "fakes 198.19.0.0/29\n", "line 2" },
                { LISTEN "fakes ::/16\n", "line 2" },
                { LISTEN "dns-server host.test\n", "line 2" },
                { LISTEN "dns-server 1.2.3.4 0\n", "line 2" },
                { LISTEN "dns-server 1.2.3.4,5.6.7.8\n", "line 2" },
                { LISTEN "upstream proxy.test\n", "line 2" },
                { LISTEN "upstream proxy.test 3128 a:b\n", "line 2" },
                { LISTEN "upstream proxy.test 3128 YQ==\r\n", "line 2" },
                { LISTEN "upstream http://proxy.test 3128\n", "line 2" },
                { LISTEN "upstream 127.1 3128\n", "line 2" },
                { LISTEN "no-proxy\n", "line 2" },
                { LISTEN "events on\n", "line 2" },
                { LISTEN "log 8\nlog 9\n", "line 3" },
                { LISTEN "fakes 198.19.0.0/16\nfakes 198.18.0.0/16\n", "line 3" },
                { LISTEN "upstream a.test 1\nupstream a.test 2\n", "line 3" },
                { LISTEN "events \n", "line 2" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct err e = { 0 };
                struct config c;

                if (read_config(rows[i].text, &c, &e) == 0)
                        fail_msg("'%s' is taken", rows[i].text);
                if (strncmp(e.text, rows[i].error, strlen(rows[i].error)) != 0)
                        fail_msg("'%s': %s", rows[i].text, e.text);
                config_done(&c);
        }
}

static void log_lines(void **state)
{
        struct address a;
        struct journal_entry entry = {
                .host = "a.test",
                .port = 443,
                .address = &a,
                .verdict = JOURNAL_FAILED,
                .reason = "say \"no\"\\\n\x1b\xff",
                .is_connection = true,
                .bytes_in = 1,
                .bytes_out = UINT64_MAX,
                .ms = 3,
        };
        char out[2048];

        (void)state;
        assert_true(address_parse("2001:db8::1", &a));
        size_t len = journal_print(&entry, 1700000000123, out);
        assert_string_equal(out, "{\"time\":\"2023-11-14T22:13:20.123Z\",\"name\":\"a.test\","
                                 "\"port\":443,\"address\":\"2001:db8::1\",\"verdict\":\"failed\","
                                 "\"reason\":\"say \\\"no\\\"\\\\\\u000a\\u001b\\u00ff\","
                                 "\"in\":1,\"out\":18446744073709551615,\"ms\":3}\n");
        assert_int_equal(len, strlen(out));
        entry = (struct journal_entry){ .host = "b", .reason = "" };
        journal_print(&entry, 0, out);
        assert_string_equal(out, "{\"time\":\"1970-01-01T00:00:00.000Z\",\"name\":\"b\",\"port\":0,"
                                 "\"address\":null,\"verdict\":\"allowed\",\"reason\":\"\"}\n");
}

static void repeats(void **state)
{
        struct journal j = { .log = -1, .control = -1 };
        struct journal_entry entry = { .host = "a.test", .reason = "x", .port = 1 };

        (void)state;
        assert_false(journal_is_repeated(&j, &entry, 1));
        assert_true(journal_is_repeated(&j, &entry, 2));
        entry.verdict = JOURNAL_REFUSED;
        assert_false(journal_is_repeated(&j, &entry, 2));
        assert_false(journal_is_repeated(&j, &entry, 11000000000));
        entry.host = "b.test";
        assert_false(journal_is_repeated(&j, &entry, 11000000000));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(whole),     cmocka_unit_test(least),   cmocka_unit_test(wrong),
                cmocka_unit_test(log_lines), cmocka_unit_test(repeats),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
