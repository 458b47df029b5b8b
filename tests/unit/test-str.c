#include "str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct escape_row {
        const char *in;
        const char *out;
};

static const struct escape_row escapes[] = {
        { "", "" },
        { "plain text", "plain text" },
        { "quote ' and \" and \\", "quote ' and \" and \\" },
        { "\x1b]0;title\x07", "\\x1b]0;title\\x07" },
        { "\x1b[31mred", "\\x1b[31mred" },
        { "a\nb\tc\rd", "a\\x0ab\\x09c\\x0dd" },
        { "del\x7f", "del\\x7f" },
        { "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
        { "\xe2\x82\xac", "\xe2\x82\xac" },
        { "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
        { "c1 \xc2\x9b", "c1 \\xc2\\x9b" },
        { "\xc2\x80", "\\xc2\\x80" },
        { "\xc2\xa0", "\xc2\xa0" },
        { "\x80", "\\x80" },
        { "\xff\xfe", "\\xff\\xfe" },
        { "\xc0\xaf", "\\xc0\\xaf" },
        { "\xe0\x80\xaf", "\\xe0\\x80\\xaf" },
        { "\xed\xa0\x80", "\\xed\\xa0\\x80" },
        { "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" },
        { "\xe2\x80\xae"
          "evil",
          "\\xe2\\x80\\xae"
          "evil" },
        { "\xe2\x81\xa6x", "\\xe2\\x81\\xa6x" },
        { "\xd8\x9c", "\\xd8\\x9c" },
        { "\xe2\x80\x8f", "\\xe2\\x80\\x8f" },
        { "\xe2\x80\xa8", "\\xe2\\x80\\xa8" },
        { "\xef\xbb\xbf", "\\xef\\xbb\\xbf" },
        { "cut \xe2\x82", "cut \\xe2\\x82" },
        { "\xc3"
          "a",
          "\\xc3"
          "a" },
};

static void escapes_what_a_terminal_obeys(void **state)
{
        char buffer[200];

        (void)state;
        for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++)
                assert_string_equal(
                        str_escape(buffer, sizeof(buffer), escapes[i].in, strlen(escapes[i].in)),
                        escapes[i].out);
        assert_string_equal(str_escape(buffer, sizeof(buffer), "a\0b", 3), "a\\x00b");
}

/* Every pair of bytes: the output has no control byte and is the same for every buffer that fits. */
static void escapes_every_pair(void **state)
{
        char buffer[32];

        (void)state;
        for (unsigned a = 0; a < 256; a++) {
                for (unsigned b = 0; b < 256; b++) {
                        char in[2] = { (char)a, (char)b };

                        str_escape(buffer, sizeof(buffer), in, 2);
                        for (const char *at = buffer; *at; at++) {
                                unsigned char c = (unsigned char)*at;

                                assert_true(c >= 0x20 && c != 0x7f);
                                assert_true(c < 0x80 || at != buffer || c >= 0xc2);
                        }
                }
        }
}

static void cuts_what_does_not_fit(void **state)
{
        char buffer[8];

        (void)state;
        assert_string_equal(str_escape(buffer, 1, "abc", 3), "");
        assert_string_equal(str_escape(buffer, 3, "abc", 3), "ab");
        assert_string_equal(str_escape(buffer, 6,
                                       "a\x01"
                                       "b",
                                       3),
                            "a\\x01");
        assert_string_equal(str_escape(buffer, 5,
                                       "a\x01"
                                       "b",
                                       3),
                            "a");
        assert_string_equal(str_escape(buffer, 4, "a\xe2\x82\xac", 4), "a");
}

static void finds_what_was_meant(void **state)
{
        static const char *const names[] = { "volume",    "network", "hostname",
                                             "read-only", "env",     NULL };

        (void)state;
        assert_string_equal(str_nearest("volum", names), "volume");
        assert_string_equal(str_nearest("netwrok", names), "network");
        assert_string_equal(str_nearest("host-name", names), "hostname");
        assert_string_equal(str_nearest("readonly", names), "read-only");
        assert_string_equal(str_nearest("env", names), "env");
        assert_null(str_nearest("xyzzy", names));
        assert_null(str_nearest("", names));
        assert_null(
                str_nearest("a-word-that-is-much-longer-than-any-that-anyone-has-typed", names));
}

static void measures_distance(void **state)
{
        size_t d = 99;

        (void)state;
        assert_true(str_is_near("kill", "kill", &d));
        assert_int_equal(d, 0);
        assert_true(str_is_near("ikll", "kill", &d));
        assert_int_equal(d, 1);
        assert_true(str_is_near("rnu", "run", NULL));
        assert_false(str_is_near("abc", "xyz", NULL));
}

static void takes_fields(void **state)
{
        char text[] = "a::b:";
        char *at = text;

        (void)state;
        assert_string_equal(str_next_field(&at, ':'), "a");
        assert_string_equal(str_next_field(&at, ':'), "");
        assert_string_equal(str_next_field(&at, ':'), "b");
        assert_string_equal(str_next_field(&at, ':'), "");
        assert_null(at);
        assert_null(str_next_field(&at, ':'));
}

static void reads_hex_digits(void **state)
{
        (void)state;
        assert_int_equal(str_hex_byte("00", STR_HEX_LOWER), 0);
        assert_int_equal(str_hex_byte("f7z", STR_HEX_LOWER), 0xf7);
        assert_int_equal(str_hex_byte("AF", STR_HEX_UPPER), 0xaf);
        assert_int_equal(str_hex_byte("AF", STR_HEX_LOWER), -1);
        assert_int_equal(str_hex_byte("0", STR_HEX_LOWER), -1);
        assert_int_equal(str_hex_byte("", STR_HEX_LOWER), -1);
        assert_int_equal(str_hex_byte("0x", STR_HEX_LOWER), -1);
}

static void trims_and_compares(void **state)
{
        char text[] = " \t x y \r\n";
        char blank[] = "  ";

        (void)state;
        assert_string_equal(str_trim(text), "x y");
        assert_string_equal(str_trim(blank), "");
        assert_true(str_has_prefix("abc", "ab"));
        assert_true(str_has_prefix("abc", ""));
        assert_false(str_has_prefix("ab", "abc"));
        assert_true(str_has_suffix("x.policy", ".policy"));
        assert_false(str_has_suffix("policy", ".policy"));
        assert_true(str_eq("", ""));
        assert_false(str_eq("a", "A"));
}

static void utf8_is_told(void **state)
{
        static const char *const good[] = { "", "a", "u\xcc\x88", "\xf4\x8f\xbf\xbf",
                                            "\xed\x9f\xbf" };
        static const char *const bad[] = { "\xfc",         "\xc0\xaf",         "a\xcc",
                                           "\xed\xa0\x80", "\xf4\x90\x80\x80", "a\x80" };

        (void)state;
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
                assert_true(str_is_utf8(good[i]));
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                assert_false(str_is_utf8(bad[i]));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(utf8_is_told),
                cmocka_unit_test(escapes_what_a_terminal_obeys),
                cmocka_unit_test(escapes_every_pair),
                cmocka_unit_test(cuts_what_does_not_fit),
                cmocka_unit_test(finds_what_was_meant),
                cmocka_unit_test(measures_distance),
                cmocka_unit_test(takes_fields),
                cmocka_unit_test(reads_hex_digits),
                cmocka_unit_test(trims_and_compares),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
