/* Patterns: what they match, and that none of them takes long. */

#include "glob.h"
#include "str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Walks the path down; a match further up takes all that is below it. */
static bool does_match(const char *pattern, const char *path)
{
        struct arena arena = { 0 };
        struct err e = { 0 };
        struct glob g;
        bool is_match = false;

        if (glob_parse(&arena, pattern, &g, &e) < 0)
                fail_msg("%s: %s", pattern, e.text);
        uint64_t states = glob_start(&g);
        char *at = arena_copy(&arena, path, &e);
        for (char *name; !is_match && (name = str_next_field(&at, '/')) != NULL;)
                states = glob_step(&g, states, name, &is_match);
        is_match = is_match && !at;
        arena_done(&arena);
        return is_match;
}

struct row {
        const char *pattern;
        const char *path;
        bool is_match;
};

static const struct row rows[] = {
        { "a", "a", true },
        { "a", "b", false },
        { "a", "b/a", false },
        { "*", "a", true },
        { "*", ".a", true },
        { "*", "a/b", false },
        { "*.pem", "x.pem", true },
        { "*.pem", ".pem", true },
        { "*.pem", "x.pem.txt", false },
        { "*.pem", "d/x.pem", false },
        { "**/*.pem", "x.pem", true },
        { "**/*.pem", "d/e/x.pem", true },
        { "**/.env", ".env", true },
        { "**/.env", "a/b/c/.env", true },
        { "**/.env", "a/.envrc", false },
        { "a/**/b", "a/b", true },
        { "a/**/b", "a/x/y/b", true },
        { "a/**/b", "x/a/b", false },
        { "a/**/**/b", "a/b", true },
        { "**/a/**/b", "x/a/y/b", true },
        { "**/a/**/b", "a/b", true },
        { "**/a/**/b", "b/a", false },
        { "a/**", "a/x", true },
        { "a/**", "a", false },
        { "**", "a", true },
        { "a*b*c", "aXbYc", true },
        { "a*b*c", "abcbc", true },
        { "a*b*c", "acb", false },
        { "?", "a", true },
        { "?", "ab", false },
        { "?", "", false },
        { "[abc]x", "bx", true },
        { "[a-c]x", "bx", true },
        { "[a-c]x", "dx", false },
        { "[!a-c]x", "dx", true },
        { "[^a-c]x", "ax", false },
        { "[]]x", "]x", true },
        { "[!]]x", "]x", false },
        { "[*]", "*", true },
        { "[*]", "a", false },
        { "[a-]", "-", true },
        { "[[]id]", "[id]", true },
        { "[\xff]", "\xff", true },
        { "x//y", "x/y", true },
};

static void matches(void **state)
{
        (void)state;
        for (size_t i = 0; i < COUNT(rows); i++) {
                if (does_match(rows[i].pattern, rows[i].path) != rows[i].is_match)
                        fail_msg("'%s' and '%s'", rows[i].pattern, rows[i].path);
        }
}

static void refuses(void **state)
{
        struct arena arena = { 0 };
        char many[3 * GLOB_MAX_PARTS];
        struct err e = { 0 };
        struct glob g;

        (void)state;
        assert_int_equal(glob_parse(&arena, "a/[b", &g, &e), -EINVAL);
        assert_int_equal(glob_parse(&arena, "[]", &g, &e), -EINVAL);
        assert_int_equal(glob_parse(&arena, "[!]", &g, &e), -EINVAL);
        assert_int_equal(glob_parse(&arena, "/", &g, &e), -EINVAL);
        for (size_t i = 0; i < sizeof(many); i++)
                many[i] = i % 2 ? '/' : '*';
        many[2 * GLOB_MAX_PARTS] = '\0';
        assert_int_equal(glob_parse(&arena, many, &g, &e), 0);
        many[2 * GLOB_MAX_PARTS] = '*';
        many[2 * GLOB_MAX_PARTS + 1] = '\0';
        assert_int_equal(glob_parse(&arena, many, &g, &e), -E2BIG);
        arena_done(&arena);
}

static void finds_its_base(void **state)
{
        (void)state;
        assert_true(glob_is_pattern("a?"));
        assert_false(glob_is_pattern("/a/b.c"));
        assert_int_equal(glob_base_len("/a/b/*"), 4);
        assert_int_equal(glob_base_len("/a/b*/c"), 2);
        assert_int_equal(glob_base_len("/*"), 0);
        assert_int_equal(glob_base_len("**/x"), 0);
}

/* What backtracks into every star would need more years than there are. */
static void takes_no_time(void **state)
{
        char pattern[512] = "";
        char name[256];

        (void)state;
        for (size_t i = 0; i < 120; i++)
                strcat(pattern, "*a");
        strcat(pattern, "b");
        memset(name, 'a', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        for (size_t i = 0; i < 1000; i++)
                assert_false(does_match(pattern, name));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(matches),
                cmocka_unit_test(refuses),
                cmocka_unit_test(finds_its_base),
                cmocka_unit_test(takes_no_time),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
