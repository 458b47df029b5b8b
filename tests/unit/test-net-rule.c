/* Rules of the filtered network: how they are read, and what they match. */

#include "net-rule.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <arpa/inet.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct good_row {
        const char *text;
        enum net_rule_kind kind;
        const char *what; /* the name, or the address */
        unsigned prefix;
        unsigned first; /* of its first ports; 0: the default ones */
        unsigned last;
};

static const struct good_row good_rows[] = {
        { "github.com", NET_RULE_NAME, "github.com", 0, 0, 0 },
        { "GitHub.COM.", NET_RULE_NAME, "github.com", 0, 0, 0 },
        { "localhost", NET_RULE_NAME, "localhost", 0, 0, 0 },
        { "a_b.example", NET_RULE_NAME, "a_b.example", 0, 0, 0 },
        { "xn--bcher-kva.example", NET_RULE_NAME, "xn--bcher-kva.example", 0, 0, 0 },
        { "1password.com", NET_RULE_NAME, "1password.com", 0, 0, 0 },
        { "github.com:22", NET_RULE_NAME, "github.com", 0, 22, 22 },
        { "github.com:1-65535", NET_RULE_NAME, "github.com", 0, 1, 65535 },
        { "github.com:*", NET_RULE_NAME, "github.com", 0, 1, 65535 },
        { "github.com.:8000-8010", NET_RULE_NAME, "github.com", 0, 8000, 8010 },
        { "*.npmjs.org", NET_RULE_BELOW, "npmjs.org", 0, 0, 0 },
        { "*.NPMJS.org:443", NET_RULE_BELOW, "npmjs.org", 0, 443, 443 },
        { "*", NET_RULE_BELOW, "", 0, 0, 0 },
        { "*:22", NET_RULE_BELOW, "", 0, 22, 22 },
        { "10.0.0.5", NET_RULE_NETWORK, "10.0.0.5", 32, 0, 0 },
        { "10.0.0.5:5432", NET_RULE_NETWORK, "10.0.0.5", 32, 5432, 5432 },
        { "10.0.0.0/8", NET_RULE_NETWORK, "10.0.0.0", 8, 0, 0 },
        { "10.0.0.0/8:*", NET_RULE_NETWORK, "10.0.0.0", 8, 1, 65535 },
        { "0.0.0.0/0", NET_RULE_NETWORK, "0.0.0.0", 0, 0, 0 },
        { "192.168.128.0/17:80-81", NET_RULE_NETWORK, "192.168.128.0", 17, 80, 81 },
        { "2001:db8::1", NET_RULE_NETWORK, "2001:db8::1", 128, 0, 0 },
        { "[2001:db8::1]", NET_RULE_NETWORK, "2001:db8::1", 128, 0, 0 },
        { "[2001:db8::1]:443", NET_RULE_NETWORK, "2001:db8::1", 128, 443, 443 },
        { "2001:db8::/32", NET_RULE_NETWORK, "2001:db8::", 32, 0, 0 },
        { "[2001:db8::/32]:22", NET_RULE_NETWORK, "2001:db8::", 32, 22, 22 },
        { "::/0", NET_RULE_NETWORK, "::", 0, 0, 0 },
        { "::1", NET_RULE_NETWORK, "::1", 128, 0, 0 },
};

static void check_good(const struct good_row *row)
{
        char buffer[300];
        uint8_t address[16] = { 0 };
        struct net_rule rule;
        struct err e = { 0 };

        if (net_rule_parse(row->text, false, buffer, &rule, &e) < 0)
                fail_msg("%s: %s", row->text, e.text);
        assert_int_equal(rule.kind, row->kind);
        assert_string_equal(rule.text, row->text);
        if (row->kind == NET_RULE_NETWORK) {
                assert_int_equal(inet_pton(rule.family, row->what, address), 1);
                assert_memory_equal(rule.address, address, rule.family == AF_INET ? 4 : 16);
                assert_int_equal(rule.prefix, row->prefix);
        } else {
                assert_string_equal(rule.name, row->what);
        }
        if (row->first == 0) {
                assert_int_equal(rule.n_ports, 2);
                assert_true(net_rule_has_port(&rule, 80) && net_rule_has_port(&rule, 443));
                assert_false(net_rule_has_port(&rule, 22) || net_rule_has_port(&rule, 8080));
                return;
        }
        assert_int_equal(rule.n_ports, 1);
        assert_int_equal(rule.ports[0].first, row->first);
        assert_int_equal(rule.ports[0].last, row->last);
}

static void reads_what_is_right(void **state)
{
        (void)state;
        for (size_t i = 0; i < COUNT(good_rows); i++)
                check_good(&good_rows[i]);
}

static const char *const bad_rows[][2] = {
        { "", "'' is no host name" },
        { "a.example,b.example", "is no host name\neach host is a rule of its own" },
        { "a.example b.example", "is no host name\neach host is a rule of its own" },
        { ".", "no host name" },
        { "..", "no host name" },
        { "a..b", "no host name" },
        { ".a", "no host name" },
        { "a..", "no host name" },
        { "-a.b", "no host name" },
        { "a-.b", "no host name" },
        { "a b", "no host name" },
        { "a\tb", "no host name" },
        { "a\nb", "no host name" },
        { "a,b", "no host name" },
        { "a/b", "'a' is not an address\na rule is HOST, HOST:PORT" },
        { "https://a.b", "without scheme and path" },
        { "https://a.b:443/c", "without scheme and path" },
        { "a.b:443/c", "port" },
        { "git@github.com", "what follows the '@'" },
        { "b\xc3\xbc"
          "cher.example",
          "xn-- form" },
        { "*.", "stands alone in front" },
        { "**", "stands alone in front" },
        { "*a.b", "stands alone in front" },
        { "a.*", "stands alone in front" },
        { "a.*.b", "stands alone in front" },
        { "*.*.b", "stands alone in front" },
        { "**.b", "stands alone in front" },
        { "*.10.0.0.1", "no host name" },
        { "a:", "port" },
        { "a:0", "a port is a number from 1 to 65535" },
        { "a:65536", "a port is a number from 1 to 65535" },
        { "a:http", "a port is a number from 1 to 65535" },
        { "a:-1", "a port is a number from 1 to 65535" },
        { "a:+1", "a port is a number from 1 to 65535" },
        { "a: 1", "a port is a number from 1 to 65535" },
        { "a:1-", "a port is a number from 1 to 65535" },
        { "a:1-2-3", "a port is a number from 1 to 65535" },
        { "a:1,2", "a port is a number from 1 to 65535" },
        { "a:**", "a port is a number from 1 to 65535" },
        { "a:2-1", "ends before it begins" },
        { "127.1", "four decimal numbers" },
        { "2130706433", "four decimal numbers" },
        { "0x7f.1", "four decimal numbers" },
        { "0177.0.0.1", "four decimal numbers" },
        { "127.1:80", "four decimal numbers" },
        { "10.0.0.1.", "no host name" },
        { "10.0.0.0/33", "the bits of a network" },
        { "10.0.0.0/-1", "the bits of a network" },
        { "10.0.0.0/", "the bits of a network" },
        { "10.0.0.1/8", "the bits behind the first 8 must be 0" },
        { "a.b/8", "'a.b' is not an address" },
        { "2001:db8::/129", "the bits of a network" },
        { "2001:db8::1/64", "the bits behind the first 64 must be 0" },
        { "2001:db8::g", "not an address" },
        { "1:2:3", "is [ADDRESS]:PORT" },
        { "[::1", "not [ADDRESS]" },
        { "[::1]x", "not [ADDRESS]" },
        { "[::1]443", "not [ADDRESS]" },
        { "[10.0.0.1]:80", "in brackets is not an IPv6 address" },
        { "[a.b]:80", "in brackets is not an IPv6 address" },
        { "::ffff:10.0.0.1", "write it as an IPv4 address" },
        { "::ffff:0:0/96", "write it as an IPv4 address" },
        { "fe80::1%eth0", "not an address" },
};

static void refuses_what_is_wrong(void **state)
{
        (void)state;
        for (size_t i = 0; i < COUNT(bad_rows); i++) {
                char buffer[300];
                struct net_rule rule = { .text = "untouched" };
                struct err e = { 0 };

                if (net_rule_parse(bad_rows[i][0], false, buffer, &rule, &e) != -EINVAL &&
                    e.code != ERANGE)
                        fail_msg("'%s' is taken", bad_rows[i][0]);
                if (!strstr(e.text, bad_rows[i][1]))
                        fail_msg("'%s': '%s' is not in: %s", bad_rows[i][0], bad_rows[i][1],
                                 e.text);
                assert_string_equal(rule.text, "untouched");
        }
}

static void names_have_a_limit(void **state)
{
        char name[300];
        char buffer[300];
        struct net_rule rule;
        struct err e = { 0 };

        (void)state;
        memset(name, 'a', sizeof(name));
        name[63] = '\0';
        assert_int_equal(net_rule_parse(name, false, buffer, &rule, &e), 0);
        name[63] = 'a';
        name[64] = '\0';
        assert_int_equal(net_rule_parse(name, false, buffer, &rule, &e), -EINVAL);
        name[64] = 'a';
        for (size_t i = 49; i < 253; i += 50)
                name[i] = '.';
        name[253] = '\0';
        assert_true(net_rule_is_name(name));
        name[253] = 'a';
        name[254] = '\0';
        assert_false(net_rule_is_name(name));
}

/* The rules of `texts`; those that begin with '!' deny. */
struct rules {
        size_t n;
        struct net_rule items[8];
        char buffers[8][300];
};

static void read_rules(const char *const *texts, struct rules *ret)
{
        for (ret->n = 0; ret->n < 8 && texts[ret->n]; ret->n++) {
                const char *text = texts[ret->n];
                struct err e = { 0 };
                bool is_deny = text[0] == '!';

                if (net_rule_parse(text + is_deny, is_deny, ret->buffers[ret->n],
                                   &ret->items[ret->n], &e) < 0)
                        fail_msg("%s: %s", text, e.text);
        }
}

struct match_row {
        const char *rules[5];
        const char *host;
        unsigned port;
        int rule; /* that decides; -1: none */
};

static const struct match_row match_rows[] = {
        { { "a.test" }, "a.test", 443, 0 },
        { { "a.test" }, "a.test", 80, 0 },
        { { "a.test" }, "a.test", 22, -1 },
        { { "a.test" }, "a.test", 0, 0 },
        { { "a.test" }, "x.a.test", 443, -1 },
        { { "a.test" }, "ba.test", 443, -1 },
        { { "a.test" }, "a.test.evil", 443, -1 },
        { { "*.a.test" }, "x.a.test", 443, 0 },
        { { "*.a.test" }, "y.x.a.test", 443, 0 },
        { { "*.a.test" }, "a.test", 443, -1 },
        { { "*.a.test" }, "xa.test", 443, -1 },
        { { "*.a.test" }, ".a.test", 443, -1 },
        { { "*" }, "any.thing", 443, 0 },
        { { "*" }, "any.thing", 22, -1 },
        { { "*:22" }, "any.thing", 22, 0 },
        { { "*" }, "10.0.0.1", 443, -1 },
        { { "*:*", "!bad.test" }, "bad.test", 7, 1 },
        { { "!bad.test", "bad.test" }, "bad.test", 443, 0 },
        { { "bad.test", "!bad.test:22" }, "bad.test", 443, 0 },
        { { "bad.test:22", "!bad.test:22" }, "bad.test", 22, 1 },
        /* a look-up alone: what is denied for one port only may be asked for */
        { { "bad.test", "!bad.test:22" }, "bad.test", 0, 0 },
        { { "bad.test", "!bad.test" }, "bad.test", 0, 1 },
        { { "*.test", "!*.test" }, "a.test", 443, 1 },
        { { "a.test", "b.test", "b.test:443" }, "b.test", 443, 1 },
        { { "10.0.0.0/8" }, "10.255.0.1", 443, 0 },
        { { "10.0.0.0/8" }, "11.0.0.1", 443, -1 },
        { { "10.0.0.0/8" }, "::ffff:10.1.1.1", 443, 0 },
        { { "10.0.0.0/9" }, "10.127.255.255", 443, 0 },
        { { "10.0.0.0/9" }, "10.128.0.0", 443, -1 },
        { { "10.0.0.0/31" }, "10.0.0.1", 443, 0 },
        { { "10.0.0.0/31" }, "10.0.0.2", 443, -1 },
        { { "0.0.0.0/0" }, "203.0.113.9", 443, 0 },
        { { "0.0.0.0/0" }, "2001:db8::1", 443, -1 },
        { { "::/0" }, "203.0.113.9", 443, -1 },
        { { "::/0" }, "::ffff:203.0.113.9", 443, -1 },
        { { "2001:db8::/33" }, "2001:db8:7fff::1", 443, 0 },
        { { "2001:db8::/33" }, "2001:db8:8000::1", 443, -1 },
        { { "0.0.0.0/0:*", "!169.254.169.254" }, "169.254.169.254", 80, 1 },
        { { "0.0.0.0/0:*", "!169.254.169.254" }, "::ffff:169.254.169.254", 80, 1 },
        { { "10.0.0.5:5432" }, "10.0.0.5", 443, -1 },
};

static const struct net_rule *find(const struct rules *rules, const struct match_row *row)
{
        uint8_t address[16];
        int family = strchr(row->host, ':') ? AF_INET6 : AF_INET;

        if (inet_pton(family, row->host, address) == 1)
                return net_rules_find_address(rules->items, rules->n, family, address,
                                              (uint16_t)row->port);
        return net_rules_find_name(rules->items, rules->n, row->host, (uint16_t)row->port);
}

static void the_right_rule_decides(void **state)
{
        static struct rules rules;

        (void)state;
        for (size_t i = 0; i < COUNT(match_rows); i++) {
                const struct match_row *row = &match_rows[i];

                read_rules(row->rules, &rules);
                const struct net_rule *rule = find(&rules, row);
                int found = rule ? (int)(rule - rules.items) : -1;

                if (found != row->rule)
                        fail_msg("row %zu, %s:%u: rule %d, not %d", i, row->host, row->port, found,
                                 row->rule);
        }
}

static void a_denial_without_a_port_is_of_all(void **state)
{
        char buffer[20];
        struct net_rule rule;
        struct err e = { 0 };

        (void)state;
        assert_int_equal(net_rule_parse("a.test", true, buffer, &rule, &e), 0);
        assert_true(rule.is_deny);
        assert_true(net_rule_has_port(&rule, 1) && net_rule_has_port(&rule, 65535));
}

/* What a resolver would take for an address is no name, in whatever clothes. */
static void addresses_are_no_names(void **state)
{
        static const char *const no_names[] = { "127.0.0.1", "127.1",      "1",     "0x7f000001",
                                                "0177.1",    "2130706433", "0x7f.1" };

        (void)state;
        for (size_t i = 0; i < COUNT(no_names); i++)
                assert_false(net_rule_is_name(no_names[i]));
        assert_true(net_rule_is_name("127.0.0.1.nip.io"));
        assert_true(net_rule_is_name("0x7f.example"));
        assert_false(net_rule_is_name("A.test"));
        assert_false(net_rule_is_name("a.test."));
        assert_false(net_rule_is_name(""));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reads_what_is_right),
                cmocka_unit_test(refuses_what_is_wrong),
                cmocka_unit_test(names_have_a_limit),
                cmocka_unit_test(the_right_rule_decides),
                cmocka_unit_test(a_denial_without_a_port_is_of_all),
                cmocka_unit_test(addresses_are_no_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
