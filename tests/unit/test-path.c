#include "path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct short_row {
        const char *path;
        const char *out;
};

/* in 16 bytes, of which one is the end */
static const struct short_row shorts[] = {
        { "/", "/" },
        { "/aaaa/bbbb/cccc", "/aaaa/bbbb/cccc" },
        { "/aaaa/bbbb/ccccd", "/aaa...bb/ccccd" },
        { "/aaaa/bbbb/cccc/dddd/eeee", "/aaa...ddd/eeee" },
        { "/gr\xc3\xbc\xc3\x9f/bbbb/cccc", "/gr...bbb/cccc" },
        { "/aaaa/bbbb/\xc3\xbc"
          "ccccccc",
          "/aaa...ccccccc" },
};

static void test_shorten(void **state)
{
        char out[16];

        (void)state;
        for (size_t i = 0; i < sizeof(shorts) / sizeof(shorts[0]); i++)
                assert_string_equal(path_shorten(shorts[i].path, out, sizeof(out)), shorts[i].out);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_shorten),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
