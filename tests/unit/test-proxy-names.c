#include "names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NETWORK 0xc6130000u /* 198.19.0.0 */

static struct names *make(unsigned bits)
{
        struct err e = { 0 };
        struct names *names = names_make(NETWORK, bits, &e);

        assert_non_null(names);
        return names;
}

static void print_name(char *out, unsigned i)
{
        snprintf(out, 32, "n%u.test", i);
}

static void same_name_same_address(void **state)
{
        struct names *names = make(16);
        char text[32];

        (void)state;
        uint32_t first = names_get(names, "a.test", 1);
        assert_int_equal(first, NETWORK + 1);
        for (unsigned i = 0; i < 1000; i++) {
                print_name(text, i);
                uint32_t address = names_get(names, text, 1);
                assert_int_equal(address, NETWORK + 2 + i);
                assert_string_equal(names_find(names, address), text);
        }
        assert_int_equal(names_get(names, "a.test", 2), first);
        assert_string_equal(names_find(names, first), "a.test");
        names_free(names);
}

static void what_is_no_name(void **state)
{
        struct names *names = make(16);

        (void)state;
        assert_null(names_find(names, NETWORK));
        assert_null(names_find(names, NETWORK + 1));
        assert_null(names_find(names, NETWORK - 1));
        assert_null(names_find(names, NETWORK + 65535));
        assert_null(names_find(names, 0x7f000001));
        assert_true(names_has(names, NETWORK + 65535));
        assert_false(names_has(names, NETWORK + 65536));
        assert_false(names_has(NULL, NETWORK));
        assert_null(names_find(NULL, NETWORK));
        names_free(names);
}

/* 14 addresses of a /28: the oldest goes, and only when nobody can know it any more. */
static void reuse(void **state)
{
        struct names *names = make(28);
        char text[32];

        (void)state;
        for (unsigned i = 0; i < 14; i++) {
                print_name(text, i);
                assert_int_equal(names_get(names, text, 100 + i), NETWORK + 1 + i);
        }
        assert_int_equal(names_get(names, "more.test", 100), 0);
        assert_int_equal(names_get(names, "more.test", 100 + NAMES_MEMORY - 1), 0);
        /* asked for again, it is no longer the oldest */
        assert_int_equal(names_get(names, "n0.test", 650), NETWORK + 1);
        assert_int_equal(names_get(names, "more.test", 101 + NAMES_MEMORY), NETWORK + 2);
        assert_string_equal(names_find(names, NETWORK + 2), "more.test");
        assert_string_equal(names_find(names, NETWORK + 1), "n0.test");
        /* the name that it had gets another one */
        assert_int_equal(names_get(names, "n1.test", 102 + NAMES_MEMORY), NETWORK + 3);
        names_free(names);
}

static void held(void **state)
{
        struct names *names = make(28);
        char text[32];

        (void)state;
        for (unsigned i = 0; i < 14; i++) {
                print_name(text, i);
                names_get(names, text, 0);
                names_hold(names, NETWORK + 1 + i);
        }
        names_hold(names, NETWORK + 5);
        assert_int_equal(names_get(names, "more.test", 1000000), 0);
        names_release(names, NETWORK + 5, 1000000);
        assert_int_equal(names_get(names, "more.test", 2000000), 0);
        names_release(names, NETWORK + 5, 2000000);
        assert_int_equal(names_get(names, "more.test", 2000001), 0);
        assert_int_equal(names_get(names, "more.test", 2000000 + NAMES_MEMORY), NETWORK + 5);
        for (unsigned i = 0; i < 14; i++) {
                print_name(text, i);
                if (i != 4)
                        assert_string_equal(names_find(names, NETWORK + 1 + i), text);
        }
        names_free(names);
}

/* More names than there may be, over and over: each answer is its name's own. */
static void many(void **state)
{
        struct names *names = make(16);
        char text[32];
        uint64_t now = 0;

        (void)state;
        for (unsigned i = 0; i < NAMES_MAX; i++) {
                print_name(text, i);
                assert_int_not_equal(names_get(names, text, now), 0);
        }
        assert_int_equal(names_get(names, "more.test", now), 0);
        for (unsigned i = NAMES_MAX; i < 3 * NAMES_MAX; i++) {
                print_name(text, i);
                now += i % NAMES_MAX == 0 ? NAMES_MEMORY : 0;
                uint32_t address = names_get(names, text, now);
                assert_string_equal(names_find(names, address), text);
        }
        names_free(names);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(same_name_same_address),
                cmocka_unit_test(what_is_no_name),
                cmocka_unit_test(reuse),
                cmocka_unit_test(held),
                cmocka_unit_test(many),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
