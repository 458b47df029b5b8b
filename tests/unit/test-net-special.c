#include "net-special.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct net_special *find(const char *text)
{
        int family = strchr(text, ':') ? AF_INET6 : AF_INET;
        uint8_t address[16];

        assert_int_equal(inet_pton(family, text, address), 1);
        return net_special_find(family, address, 0);
}

static void special_ones(void **state)
{
        static const char *const special[] = {
                "0.0.0.0",
                "0.1.2.3",
                "127.0.0.1",
                "127.255.255.255",
                "10.0.0.0",
                "10.255.255.255",
                "172.16.0.1",
                "172.31.255.255",
                "192.168.0.1",
                "192.168.255.255",
                "169.254.169.254",
                "169.254.0.1",
                "100.64.0.1",
                "100.127.255.255",
                "100.100.100.200",
                "168.63.129.16",
                "192.0.0.192",
                "192.0.0.8",
                "192.88.99.1",
                "198.18.0.1",
                "198.19.255.255",
                "224.0.0.1",
                "239.255.255.255",
                "240.0.0.1",
                "255.255.255.255",
                "::",
                "::1",
                "::127.0.0.1",
                "::8.8.8.8",
                "::ffff:127.0.0.1",
                "::ffff:8.8.8.8",
                "::ffff:0:127.0.0.1",
                "::ffff:0:8.8.8.8",
                "2002:7f00:1::",
                "64:ff9b::7f00:1",
                "64:ff9b::808:808",
                "64:ff9b:1::1",
                "2001::1",
                "2001:0:1::",
                "fe80::1",
                "febf::1",
                "fec0::1",
                "feff::1",
                "fc00::1",
                "fd00:ec2::254",
                "fd20:ce::254",
                "fdff::1",
                "ff02::1",
                "100::1",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
                if (!find(special[i]))
                        fail_msg("%s is not special", special[i]);
        }
}

static void public_ones(void **state)
{
        static const char *const open[] = {
                "1.1.1.1",         "8.8.8.8",         "9.255.255.255",   "11.0.0.0",
                "100.63.255.255",  "100.128.0.0",     "126.255.255.255", "128.0.0.0",
                "169.253.255.255", "169.255.0.0",     "172.15.255.255",  "172.32.0.0",
                "192.0.1.0",       "192.167.255.255", "192.169.0.0",     "198.17.255.255",
                "198.20.0.0",      "223.255.255.255", "168.63.129.15",   "2001:4860:4860::8888",
                "2001:1::1",       "2003::1",         "2606:4700::1",    "64:ff9a::1",
                "64:ff9b:2::1",    "::1:0:0:1",       "fbff::1",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
                if (find(open[i]))
                        fail_msg("%s is %s", open[i], find(open[i])->what);
        }
}

/* The narrow ones stand first where they say more; the names are what a user reads. */
static void names(void **state)
{
        (void)state;
        assert_string_equal(find("100.100.100.200")->what, "a metadata address");
        assert_string_equal(find("fd00:ec2::254")->what, "a metadata address");
        assert_string_equal(find("10.1.2.3")->what, "a private address");
        assert_string_equal(find("::ffff:10.1.2.3")->what, "an IPv4-mapped address");
}

static bool opens(const char *rule_text, const char *address_text, uint16_t port)
{
        int family = strchr(address_text, ':') ? AF_INET6 : AF_INET;
        struct err e = { 0 };
        struct net_rule rule;
        uint8_t address[16];
        char buffer[64];

        assert_int_equal(inet_pton(family, address_text, address), 1);
        assert_int_equal(net_rule_parse(rule_text, false, buffer, &rule, &e), 0);
        return net_special_is_opened(&rule, 1, family, address, port);
}

static void opened(void **state)
{
        (void)state;
        assert_true(opens("10.1.2.3", "10.1.2.3", 443));
        assert_false(opens("10.1.2.3", "10.1.2.3", 22));
        assert_true(opens("10.1.2.3:22", "10.1.2.3", 22));
        assert_false(opens("10.1.2.3", "10.1.2.4", 443));
        assert_true(opens("10.0.0.0/8", "10.1.2.3", 443));
        assert_true(opens("10.1.0.0/16:*", "10.1.2.3", 5432));
        assert_true(opens("[::1]:80", "::1", 80));
        assert_true(opens("fc00::/7", "fd12::1", 443));
        assert_true(opens("169.254.169.254", "169.254.169.254", 80));
}

static void not_opened(void **state)
{
        (void)state;
        /* who allows the whole world does not mean this machine and its neighbours */
        assert_false(opens("0.0.0.0/0:*", "10.1.2.3", 443));
        assert_false(opens("0.0.0.0/0:*", "127.0.0.1", 443));
        assert_false(opens("0.0.0.0/1:*", "127.0.0.1", 443));
        assert_false(opens("8.0.0.0/5:*", "10.1.2.3", 443));
        assert_false(opens("::/0", "::1", 443));
        assert_false(opens("::/0", "fe80::1", 443));
        assert_false(opens("*", "10.1.2.3", 443));
        /* a metadata service is opened by its own address alone */
        assert_false(opens("100.64.0.0/10:*", "100.100.100.200", 80));
        assert_true(opens("100.64.0.0/10:*", "100.100.100.201", 80));
        assert_false(opens("fc00::/7", "fd00:ec2::254", 80));
        /* and an IPv4 address in disguise by nothing */
        assert_false(opens("127.0.0.1:80", "::ffff:127.0.0.1", 80));
        assert_false(opens("::/0", "::ffff:127.0.0.1", 80));
}

static bool is_ours(const char *text)
{
        int family = strchr(text, ':') ? AF_INET6 : AF_INET;
        uint8_t address[16];

        assert_int_equal(inet_pton(family, text, address), 1);
        return net_special_is_ours(family, address);
}

static void ours(void **state)
{
        (void)state;
        assert_true(is_ours("198.18.0.0"));
        assert_true(is_ours("198.19.255.255"));
        assert_false(is_ours("198.17.255.255"));
        assert_false(is_ours("198.20.0.0"));
        assert_false(is_ours("c612::1"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(special_ones), cmocka_unit_test(public_ones),
                cmocka_unit_test(names),        cmocka_unit_test(opened),
                cmocka_unit_test(not_opened),   cmocka_unit_test(ours),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
