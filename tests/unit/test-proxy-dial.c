#include "dial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <cmocka.h>

static bool is_own(const char *text)
{
        struct address a;

        assert_true(address_parse(text, &a));
        return dial_is_own(&a);
}

static void own_addresses(void **state)
{
        (void)state;
        assert_true(is_own("127.0.0.1"));
        /* whether there is a way to it or not */
        assert_false(is_own("203.0.113.7"));
        assert_false(is_own("2001:db8::7"));
}

/* Who fills the table of descriptors must not make this host's own addresses look like others. */
static void what_cannot_be_told(void **state)
{
        struct rlimit files;

        (void)state;
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
        const struct rlimit none = { 0, files.rlim_max };
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        bool is_taken_for_own = is_own("203.0.113.7");
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
        assert_true(is_taken_for_own);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(own_addresses),
                cmocka_unit_test(what_cannot_be_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
