#include "judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX_RULES 4

static struct net_rule rules[MAX_RULES];
static size_t n_rules;

/* "-RULE" denies. */
static void set_rules(const char *const *texts)
{
        static char buffers[MAX_RULES][128];
        struct err e = { 0 };

        for (n_rules = 0; texts[n_rules]; n_rules++) {
                bool is_deny = texts[n_rules][0] == '-';

                assert_int_equal(net_rule_parse(texts[n_rules] + is_deny, is_deny, buffers[n_rules],
                                                &rules[n_rules], &e),
                                 0);
        }
}

#define RULES(...) set_rules((const char *const[]){ __VA_ARGS__, NULL })

static bool name(const char *text, uint16_t port)
{
        return judge_name(rules, n_rules, text, port).is_allowed;
}

static struct verdict verdict(const char *text, uint16_t port, bool is_named, bool is_own)
{
        struct address a;

        assert_true(address_parse(text, &a));
        return judge_address(rules, n_rules, &a, port, is_named, is_own);
}

static bool literal(const char *text, uint16_t port)
{
        return verdict(text, port, false, false).is_allowed;
}

static bool answer(const char *text, uint16_t port)
{
        return verdict(text, port, true, false).is_allowed;
}

static void names(void **state)
{
        (void)state;
        RULES("a.test", "*.b.test:8080", "-x.b.test", "-a.test:80");
        assert_true(name("a.test", 443));
        assert_false(name("a.test", 80));
        assert_false(name("a.test", 22));
        assert_true(name("a.test", 0));
        assert_false(name("b.test", 8080));
        assert_true(name("y.b.test", 8080));
        assert_true(name("z.y.b.test", 8080));
        assert_false(name("x.b.test", 8080));
        assert_false(name("x.b.test", 0));
        assert_false(name("notb.test", 8080));
        assert_false(name("test", 443));
        assert_string_equal(judge_name(rules, n_rules, "x.b.test", 1).reason, "denied by x.b.test");
        assert_string_equal(judge_name(rules, n_rules, "c.test", 1).reason, "no rule allows it");
}

static void nothing_allows_nothing(void **state)
{
        (void)state;
        n_rules = 0;
        assert_false(name("a.test", 443));
        assert_false(literal("8.8.8.8", 443));
        assert_false(literal("127.0.0.1", 443));
}

/* A name leads to any public address; an address itself needs its rule. */
static void answers(void **state)
{
        static const char *const special[] = {
                "127.0.0.1",
                "10.1.2.3",
                "192.168.1.1",
                "172.16.0.1",
                "169.254.169.254",
                "100.64.1.1",
                "100.100.100.200",
                "198.18.0.1",
                "0.0.0.0",
                "224.0.0.1",
                "240.0.0.1",
                "255.255.255.255",
                "::1",
                "::",
                "fe80::1",
                "fd00::1",
                "::ffff:127.0.0.1",
                "::ffff:8.8.8.8",
                "::7f00:1",
                "2002:7f00:1::1",
                "2001:0::1",
                "64:ff9b::7f00:1",
                "fec0::1",
                "ff02::1",
        };

        (void)state;
        RULES("a.test", "*");
        assert_true(answer("8.8.8.8", 443));
        assert_true(answer("2606:4700::1", 443));
        assert_false(literal("8.8.8.8", 443));
        for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
                if (answer(special[i], 443) || literal(special[i], 443))
                        fail_msg("%s is open", special[i]);
        }
}

static void openings(void **state)
{
        (void)state;
        RULES("a.test", "10.1.2.3:443", "127.0.0.0/8:5432", "0.0.0.0/0:443");
        assert_true(answer("10.1.2.3", 443));
        assert_false(answer("10.1.2.3", 80));
        assert_false(answer("10.1.2.4", 443));
        assert_true(literal("10.1.2.3", 443));
        assert_true(answer("127.0.0.1", 5432));
        assert_true(verdict("127.0.0.1", 5432, true, true).is_allowed);
        assert_false(answer("127.0.0.1", 443));
        assert_true(literal("8.8.8.8", 443));
        assert_false(literal("8.8.8.8", 80));
        assert_false(literal("::ffff:10.1.2.3", 443));
}

static void denials(void **state)
{
        (void)state;
        RULES("a.test", "-93.184.0.0/16", "10.0.0.0/8", "-10.9.0.0/16");
        assert_false(answer("93.184.216.34", 443));
        assert_true(answer("93.185.216.34", 443));
        assert_true(answer("10.1.2.3", 443));
        assert_false(answer("10.9.2.3", 443));
        assert_string_equal(verdict("93.184.216.34", 443, true, false).reason,
                            "denied by 93.184.0.0/16");
}

/* This host's own address is not opened by a rule of its network. */
static void own_addresses(void **state)
{
        (void)state;
        RULES("a.test", "10.0.0.0/8", "203.0.113.0/24", "10.1.2.4");
        assert_true(verdict("10.1.2.3", 443, false, false).is_allowed);
        assert_false(verdict("10.1.2.3", 443, false, true).is_allowed);
        assert_true(verdict("10.1.2.4", 443, false, true).is_allowed);
        assert_false(verdict("203.0.113.1", 443, true, true).is_allowed);
        assert_true(verdict("203.0.113.1", 443, true, false).is_allowed);
}

/* Every refusal of a special address names the rule that would open it, and that rule does. */
static void advice(void **state)
{
        static const char *const texts[] = { "10.1.2.3",  "127.0.0.1",     "169.254.169.254",
                                             "::1",       "fd00:ec2::254", "100.100.100.200",
                                             "64:ff9b::1" };

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                char rule[64] = "";

                RULES("*");
                struct verdict v = verdict(texts[i], 8443, true, true);
                assert_false(v.is_allowed);
                const char *at = strstr(v.reason, "'--allow ");
                assert_non_null(at);
                assert_int_equal(sscanf(at, "'--allow %63[^']'", rule), 1);
                RULES("*:*", rule);
                assert_true(verdict(texts[i], 8443, true, true).is_allowed);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(names),   cmocka_unit_test(nothing_allows_nothing),
                cmocka_unit_test(answers), cmocka_unit_test(openings),
                cmocka_unit_test(denials), cmocka_unit_test(own_addresses),
                cmocka_unit_test(advice),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
