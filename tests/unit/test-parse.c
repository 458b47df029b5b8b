#include "parse.h"
#include "path.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* `result` is 0 or the errno that is expected. */
struct value_row {
        const char *text;
        int result;
        uint64_t value;
};

typedef int parse_fn(const char *text, uint64_t *ret, struct err *e);

static void check_rows(const struct value_row *rows, size_t n, parse_fn *parse)
{
        for (size_t i = 0; i < n; i++) {
                struct err e = { 0 };
                uint64_t value = 0xdead;
                int r = parse(rows[i].text, &value, &e);

                if (r != -rows[i].result || (r == 0 && value != rows[i].value))
                        fail_msg("'%s': %d, %llu", rows[i].text, r, (unsigned long long)value);
                /* a failure leaves the value alone and names the text */
                if (r < 0) {
                        assert_int_equal(value, 0xdead);
                        assert_int_equal(e.code, rows[i].result);
                        /* as far as a line of an error has it */
                        size_t len = strcspn(rows[i].text, "\n");
                        assert_non_null(memmem(e.text, strlen(e.text), rows[i].text, len));
                }
        }
}

static int parse_port(const char *text, uint64_t *ret, struct err *e)
{
        return parse_number(text, 1, 65535, ret, e);
}

static void numbers(void **state)
{
        static const struct value_row rows[] = {
                { "1", 0, 1 },
                { "65535", 0, 65535 },
                { "0080", 0, 80 },
                { "0", ERANGE, 0 },
                { "65536", ERANGE, 0 },
                { "", EINVAL, 0 },
                { "+1", EINVAL, 0 },
                { "-1", EINVAL, 0 },
                { " 1", EINVAL, 0 },
                { "1 ", EINVAL, 0 },
                { "0x10", EINVAL, 0 },
                { "1e3", EINVAL, 0 },
                { "1.0", EINVAL, 0 },
                { "eighty", EINVAL, 0 },
                { "1\n", EINVAL, 0 },
                { "\xd9\xa1", EINVAL, 0 },
                { "18446744073709551615", ERANGE, 0 },
                { "18446744073709551616", EINVAL, 0 },
                { "99999999999999999999999999999999", EINVAL, 0 },
        };

        (void)state;
        check_rows(rows, COUNT(rows), parse_port);
}

static void sizes(void **state)
{
        static const struct value_row rows[] = {
                { "0", 0, 0 },
                { "1", 0, 1 },
                { "10b", 0, 10 },
                { "1k", 0, 1024 },
                { "1K", 0, 1024 },
                { "64m", 0, 64u << 20 },
                { "64mb", 0, 64u << 20 },
                { "64MiB", 0, 64u << 20 },
                { "2g", 0, (uint64_t)2 << 30 },
                { "1t", 0, (uint64_t)1 << 40 },
                { "8388607t", 0, (uint64_t)8388607 << 40 },
                { "8388608t", ERANGE, 0 },
                { "9223372036854775808", ERANGE, 0 },
                { "", EINVAL, 0 },
                { "m", EINVAL, 0 },
                { "-1", EINVAL, 0 },
                { "1.5g", EINVAL, 0 },
                { "1 m", EINVAL, 0 },
                { "1x", EINVAL, 0 },
                { "1bb", EINVAL, 0 },
                { "1mm", EINVAL, 0 },
                { "1m ", EINVAL, 0 },
                { "unlimited", EINVAL, 0 },
        };

        (void)state;
        check_rows(rows, COUNT(rows), parse_size);
}

static void durations(void **state)
{
        static const struct value_row rows[] = {
                { "0", 0, 0 },
                { "10", 0, 10000000000u },
                { "1s", 0, 1000000000u },
                { "1.5s", 0, 1500000000u },
                { "0.25", 0, 250000000u },
                { "300ms", 0, 300000000u },
                { "10us", 0, 10000u },
                { "5m", 0, 300000000000u },
                { "5min", 0, 300000000000u },
                { "2h", 0, 7200000000000u },
                { "1d", 0, 86400000000000u },
                { "1.000000001s", 0, 1000000001u },
                { "1.0000000001s", EINVAL, 0 },
                { "", EINVAL, 0 },
                { "s", EINVAL, 0 },
                { "1.s", EINVAL, 0 },
                { ".5s", EINVAL, 0 },
                { "-1s", EINVAL, 0 },
                { "1 s", EINVAL, 0 },
                { "1S", EINVAL, 0 },
                { "1w", EINVAL, 0 },
                { "1m30s", EINVAL, 0 },
                { "106752d", ERANGE, 0 },
                { "18446744073709551615s", ERANGE, 0 },
        };

        (void)state;
        check_rows(rows, COUNT(rows), parse_duration);
}

static int parse_mode64(const char *text, uint64_t *ret, struct err *e)
{
        unsigned mode = 0;
        int r = parse_mode(text, &mode, e);

        if (r == 0)
                *ret = mode;
        return r;
}

static void modes(void **state)
{
        static const struct value_row rows[] = {
                { "0", 0, 0 },         { "755", 0, 0755 },     { "1777", 0, 01777 },
                { "07777", 0, 07777 }, { "10000", EINVAL, 0 }, { "8", EINVAL, 0 },
                { "", EINVAL, 0 },     { "rwx", EINVAL, 0 },   { "0o755", EINVAL, 0 },
                { "-755", EINVAL, 0 }, { "755 ", EINVAL, 0 },  { "77777777777", EINVAL, 0 },
        };

        (void)state;
        check_rows(rows, COUNT(rows), parse_mode64);
}

static int parse_signal64(const char *text, uint64_t *ret, struct err *e)
{
        int number = 0;
        int r = parse_signal(text, &number, e);

        if (r == 0)
                *ret = (uint64_t)number;
        return r;
}

static void signals(void **state)
{
        static const struct value_row rows[] = {
                { "TERM", 0, SIGTERM },      { "SIGTERM", 0, SIGTERM }, { "sigint", 0, SIGINT },
                { "9", 0, SIGKILL },         { "64", 0, 64 },           { "0", EINVAL, 0 },
                { "65", EINVAL, 0 },         { "", EINVAL, 0 },         { "SIG", EINVAL, 0 },
                { "-9", EINVAL, 0 },         { "9x", EINVAL, 0 },       { "FOO", EINVAL, 0 },
                { "SIGSIGTERM", EINVAL, 0 },
        };

        (void)state;
        check_rows(rows, COUNT(rows), parse_signal64);
}

static void booleans(void **state)
{
        struct err e = { 0 };
        bool value = false;

        (void)state;
        assert_int_equal(parse_bool("yes", &value, &e), 0);
        assert_true(value);
        assert_int_equal(parse_bool("off", &value, &e), 0);
        assert_false(value);
        assert_int_equal(parse_bool("Yes", &value, &e), -EINVAL);
        assert_int_equal(parse_bool("", &value, &e), -EINVAL);
        assert_int_equal(parse_bool("2", &value, &e), -EINVAL);
}

static void host_names(void **state)
{
        static const char *const good[] = { "kelp", "a", "a-b", "web_1", "a.b.c", "9", "x--y" };
        static const char *const bad[] = { "",    "-a",  "a-",   ".a",   "a.",       "a..b", "a b",
                                           "a/b", "a\n", "a.-b", "a-.b", "\xc3\xa4", "a;b",  "*" };
        char longest[80];

        (void)state;
        for (size_t i = 0; i < COUNT(good); i++)
                assert_true(parse_is_host_name(good[i]));
        for (size_t i = 0; i < COUNT(bad); i++) {
                if (parse_is_host_name(bad[i]))
                        fail_msg("'%s' is taken for a host name", bad[i]);
        }
        memset(longest, 'a', sizeof(longest));
        longest[63] = '\0';
        assert_true(parse_is_host_name(longest));
        longest[63] = 'a';
        longest[64] = '\0';
        assert_false(parse_is_host_name(longest));
        longest[30] = '.';
        assert_true(parse_is_host_name(longest));
        longest[64] = 'a';
        longest[65] = '\0';
        assert_false(parse_is_host_name(longest));
}

struct clean_row {
        const char *base;
        const char *path;
        const char *clean; /* NULL: an error */
};

static void paths(void **state)
{
        static const struct clean_row rows[] = {
                { "/", "/", "/" },
                { "/", "//", "/" },
                { "/", "/a/b", "/a/b" },
                { "/", "/a/./b//c/", "/a/b/c" },
                { "/", "/a/../b", "/b" },
                { "/", "/../../etc", "/etc" },
                { "/", "/a/../../../b", "/b" },
                { "/home/u", ".", "/home/u" },
                { "/home/u", "..", "/home" },
                { "/home/u", "../..", "/" },
                { "/home/u", "../../..", "/" },
                { "/home/u", "x", "/home/u/x" },
                { "/home/u", "./x/", "/home/u/x" },
                { "/home/u", "/x", "/x" },
                { "/home/u", "...", "/home/u/..." },
                { "/home/u", ".hidden", "/home/u/.hidden" },
                { "/", "a\nb", "/a\nb" },
                { "/", "", NULL },
        };
        struct arena a = { 0 };
        struct err e = { 0 };

        (void)state;
        for (size_t i = 0; i < COUNT(rows); i++) {
                const char *clean = path_clean(&a, rows[i].base, rows[i].path, &e);

                if (!rows[i].clean) {
                        assert_null(clean);
                        continue;
                }
                assert_non_null(clean);
                assert_string_equal(clean, rows[i].clean);
                assert_true(path_is_clean(clean));
        }
        arena_done(&a);
}

static void long_paths_are_refused(void **state)
{
        struct arena a = { 0 };
        struct err e = { 0 };
        char path[PATH_MAX + 100];

        (void)state;
        memset(path, 'x', sizeof(path));
        for (size_t i = 0; i < sizeof(path); i += 100)
                path[i] = '/';
        path[sizeof(path) - 1] = '\0';
        assert_null(path_clean(&a, "/", path, &e));
        assert_int_equal(e.code, ENAMETOOLONG);
        arena_done(&a);
}

static void relations_of_paths(void **state)
{
        struct arena a = { 0 };
        struct err e = { 0 };

        (void)state;
        assert_true(path_is_in("/a/b", "/a"));
        assert_true(path_is_in("/a", "/a"));
        assert_true(path_is_in("/a", "/"));
        assert_true(path_is_in("/", "/"));
        assert_false(path_is_in("/ab", "/a"));
        assert_false(path_is_in("/a", "/a/b"));
        assert_false(path_is_in("/", "/a"));
        assert_string_equal(path_base("/a/b"), "b");
        assert_string_equal(path_base("/"), "");
        assert_string_equal(path_parent(&a, "/a/b", &e), "/a");
        assert_string_equal(path_parent(&a, "/a", &e), "/");
        assert_string_equal(path_parent(&a, "/", &e), "/");
        assert_string_equal(path_join(&a, "/", "x", &e), "/x");
        assert_string_equal(path_join(&a, "/a", "x", &e), "/a/x");
        assert_false(path_is_clean("a"));
        assert_false(path_is_clean(""));
        assert_false(path_is_clean("/a/"));
        assert_false(path_is_clean("/a//b"));
        assert_false(path_is_clean("/a/.."));
        assert_true(path_is_clean("/a/..."));
        arena_done(&a);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(numbers),
                cmocka_unit_test(sizes),
                cmocka_unit_test(durations),
                cmocka_unit_test(modes),
                cmocka_unit_test(signals),
                cmocka_unit_test(booleans),
                cmocka_unit_test(host_names),
                cmocka_unit_test(paths),
                cmocka_unit_test(long_paths_are_refused),
                cmocka_unit_test(relations_of_paths),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
