#include "git-config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What is found, each as "h:VALUE" or "i:VALUE" and a bar behind it. */
static void read_all(const char *text, size_t len, char *out, size_t size)
{
        /* of exactly that size, so that a sanitizer sees what is read behind its end */
        char *copy = malloc(len ? len : 1);
        struct git_config_path found;
        size_t used = 0;

        assert_non_null(copy);
        memcpy(copy, text, len);
        struct git_config c = { .at = copy, .end = copy + len };
        while (git_config_next(&c, &found)) {
                size_t n = strlen(found.value);

                assert_true(n > 0 && n < sizeof(found.value));
                if (used + n + 4 > size)
                        continue;
                out[used++] = found.key == GIT_CONFIG_HOOKS_PATH ? 'h' : 'i';
                out[used++] = ':';
                memcpy(out + used, found.value, n);
                used += n;
                out[used++] = '|';
        }
        out[used] = '\0';
        assert_ptr_equal(c.at, c.end);
        free(copy);
}

struct row {
        const char *in;
        const char *out;
};

/* As `git config -f FILE --list` has them, where it has them at all. */
static const struct row rows[] = {
        { "", "" },
        { "\n\n", "" },
        { "[core]\n\thooksPath = hooks\n", "h:hooks|" },
        { "[CORE]\n\tHOOKSPATH=hooks", "h:hooks|" },
        { "\xef\xbb\xbf[core]\nhookspath = x\n", "h:x|" },
        { "[core] hooksPath = same-line\n", "h:same-line|" },
        { "[core]\r\n\thooksPath = crlf\r\n", "h:crlf|" },
        { "[core]\nhooksPath = a b  ; comment\n", "h:a b|" },
        { "[core]\nhooksPath = a#b\n", "h:a|" },
        { "[core]\nhooksPath = \"a#b ;\" # x\n", "h:a#b ;|" },
        { "[core]\nhooksPath = \"  a  \"  \n", "h:  a  |" },
        { "[core]\nhooksPath = a\\\\b\\\"c\\td\n", "h:a\\b\"c\td|" },
        { "[core]\nhooksPath = a\\\nb\n", "h:ab|" },
        { "[core]\nhooksPath = a\\\r\nb\n", "h:ab|" },
        { "[core]\nhooksPath = one\nhooksPath = two\n", "h:one|h:two|" },
        { "[core]\nhooksPath\n", "" },
        { "[core]\nhooksPath =\n", "" },
        { "[core]\nhooksPath = \"\"\n", "" },
        { "# [core]\n; hooksPath = x\n", "" },
        { "[core]\n# c \\\nhooksPath = x\n", "h:x|" },
        { "[core \"sub\"]\nhooksPath = x\n", "" },
        { "[core.sub]\nhooksPath = x\n", "" },
        { "[corex]\nhooksPath = x\n[xcore]\nhooksPath = x\n", "" },
        { "[core]\nhooksPathx = x\nxhooksPath = x\n", "" },
        { "[user]\nname = [core]\nhooksPath = x\n", "" },
        { "[user]\nname = a\\\n[core]\nhooksPath = x\n", "" },
        { "[user]\nname = \"[core]\"\n[core]\nhooksPath = x\n", "h:x|" },
        { "[include]\npath = ../a\n", "i:../a|" },
        { "[include \"sub\"]\npath = a\n", "" },
        { "[includeIf \"gitdir:~/x/\"]\npath = a\n", "i:a|" },
        { "[INCLUDEIF \"a \\\" ] b\"]\npath = a\n", "i:a|" },
        { "[includeIf.onbranch:x]\npath = a\n", "" },
        { "[includeIf.a]\npath = a\n", "i:a|" },
        { "[includeIf.a-very-long-name-that-is-longer-than-the-word]\npath = a\n", "i:a|" },
        { "[core]\nworktree = ../x\nhooksPath = ~/x\n", "h:~/x|" },
        /* what git refuses must not lose what stands behind it, nor end the walk */
        { "[core", "" },
        { "[core \"", "" },
        { "[core \"\\", "" },
        { "[core]\nhooksPath = \"open\n[core]\nhooksPath = x\n", "h:open|h:x|" },
        { "[core]\nhooksPath = x\\", "h:x|" },
        { "[core]\n=\nhooksPath = x\n", "h:x|" },
        { "]]]\n[core]\nhooksPath = x\n", "h:x|" },
        { "[core]\n\xff\xfe\nhooksPath = \xff\n", "h:\xff|" },
        { "[[core]\nhooksPath = x\n", "h:x|" },
};

static void test_rows(void **state)
{
        char out[256];

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                read_all(rows[i].in, strlen(rows[i].in), out, sizeof(out));
                if (strcmp(out, rows[i].out) != 0)
                        print_error("row %zu: %s\n", i, rows[i].in);
                assert_string_equal(out, rows[i].out);
        }
}

static void test_zero_bytes(void **state)
{
        static const char text[] = "[core]\0\nhooksPath = a\0b\n\0\nhooksPath = c";
        char out[256];

        (void)state;
        read_all(text, sizeof(text) - 1, out, sizeof(out));
        assert_string_equal(out, "h:a|h:c|");
}

/* A value of that many letters, then a short one. */
static void try_length(size_t n, bool is_found)
{
        static const char head[] = "[core]\nhooksPath = ";
        static const char tail[] = "\nhooksPath = x";
        size_t len = sizeof(head) + sizeof(tail) - 2 + n;
        char *text = malloc(len + 1);
        char *out = malloc(len + 16);

        assert_non_null(text);
        assert_non_null(out);
        memcpy(text, head, sizeof(head) - 1);
        memset(text + sizeof(head) - 1, 'a', n);
        memcpy(text + sizeof(head) - 1 + n, tail, sizeof(tail));
        read_all(text, len, out, len + 16);
        assert_int_equal(strlen(out), is_found ? n + 7 : 4);
        free(text);
        free(out);
}

static void test_long_values(void **state)
{
        (void)state;
        try_length(PATH_MAX - 1, true);
        try_length(PATH_MAX, false);
        try_length(1 << 20, false);
}

/* Every beginning of every row, and texts of what the grammar is made of. */
static void test_odd_texts(void **state)
{
        static const char *const parts[] = { "[",       "]",         "\"", "\\",        "\n",
                                             "\r\n",    "=",         " ",  "core",      "path",
                                             "include", "hooksPath", "#",  ";",         "\\n",
                                             "x",       ".",         "\t", "includeIf", "\xff",
                                             "a" };
        uint32_t seed = 1;
        char text[512];
        char out[2048];

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                for (size_t len = 0; len < strlen(rows[i].in); len++)
                        read_all(rows[i].in, len, out, sizeof(out));
        }
        for (int i = 0; i < 20000; i++) {
                size_t len = 0;

                while (len + 16 < sizeof(text) && (seed = seed * 1103515245u + 12345u) % 61 != 0) {
                        const char *part = parts[(seed >> 16) % (sizeof(parts) / sizeof(parts[0]))];

                        memcpy(text + len, part, strlen(part));
                        len += strlen(part);
                }
                read_all(text, len, out, sizeof(out));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rows),
                cmocka_unit_test(test_zero_bytes),
                cmocka_unit_test(test_long_values),
                cmocka_unit_test(test_odd_texts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
