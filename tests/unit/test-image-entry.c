#include "entry.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void clean_names(void **state)
{
        static const char *const names[][3] = {
                /* name, clean, base */
                { "a", "a", "a" },
                { "a/b", "a/b", "b" },
                { "./a/./b/", "a/b", "b" },
                { "a//b///", "a/b", "b" },
                { "/a/b", "a/b", "b" },
                { "//a", "a", "a" },
                { ".", "", "" },
                { "./", "", "" },
                { "/", "", "" },
                { "...", "...", "..." },
                { "..a/b..", "..a/b..", "b.." },
                { "a\nb", "a\nb", "a\nb" },
        };
        struct entry_path path;
        struct err e = { 0 };

        (void)state;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                assert_int_equal(entry_path_parse(names[i][0], &path, &e), 0);
                assert_string_equal(path.text, names[i][1]);
                assert_string_equal(path.base, names[i][2]);
                assert_int_equal(path.len, strlen(path.text));
                if (path.dir_len > 0)
                        assert_int_equal(path.text[path.dir_len], '/');
        }
}

static void refused_names(void **state)
{
        static const char *const names[] = {
                "",       "..",  "../a",           "a/..",  "a/../b",
                "./../a", "/..", "a/b/../../../c", "..//a", "a/.././b"
        };
        struct entry_path path;

        (void)state;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                struct err e = { 0 };

                if (entry_path_parse(names[i], &path, &e) != -EINVAL)
                        fail_msg("'%s' is taken", names[i]);
        }
}

static void limits(void **state)
{
        struct entry_path path;
        struct err e = { 0 };
        char name[LIMIT_PATH + 10];

        (void)state;
        memset(name, 'a', sizeof(name));
        name[255] = '\0';
        assert_int_equal(entry_path_parse(name, &path, &e), 0);
        name[255] = 'a';
        name[256] = '\0';
        assert_int_equal(entry_path_parse(name, &path, &e), -EINVAL);

        memset(name, 'a', sizeof(name));
        for (size_t i = 99; i < sizeof(name); i += 100)
                name[i] = '/';
        name[LIMIT_PATH] = '\0';
        assert_int_equal(entry_path_parse(name, &path, &e), 0);
        assert_int_equal(path.len, LIMIT_PATH);
        name[LIMIT_PATH] = 'a';
        name[LIMIT_PATH + 1] = '\0';
        assert_int_equal(entry_path_parse(name, &path, &e), -EINVAL);

        for (size_t i = 0; i < 256; i++)
                name[i] = i % 2 ? '/' : 'a';
        name[255] = '\0';
        assert_int_equal(entry_path_parse(name, &path, &e), 0);
        name[255] = '/';
        name[256] = 'a';
        name[257] = '\0';
        assert_int_equal(entry_path_parse(name, &path, &e), -EINVAL);
}

struct mark_case {
        const char *name;
        int result;
        enum entry_mark mark;
        const char *path;
};

static void marks(void **state)
{
        static const struct mark_case cases[] = {
                { "a", 0, ENTRY_PLAIN, "a" },
                { ".wh", 0, ENTRY_PLAIN, ".wh" },
                { ".WH.a", 0, ENTRY_PLAIN, ".WH.a" },
                { "a.wh.b", 0, ENTRY_PLAIN, "a.wh.b" },
                { ".", 0, ENTRY_PLAIN, "" },
                { ".wh.a", 0, ENTRY_WHITEOUT, "a" },
                { "x/y/.wh.a", 0, ENTRY_WHITEOUT, "x/y/a" },
                { ".wh.a.wh.b", 0, ENTRY_WHITEOUT, "a.wh.b" },
                { ".wh....", 0, ENTRY_WHITEOUT, "..." },
                { ".wh..a", 0, ENTRY_WHITEOUT, ".a" },
                { ".wh..wh..opq", 0, ENTRY_OPAQUE, "" },
                { "x/.wh..wh..opq", 0, ENTRY_OPAQUE, "x" },
                { "x/y/.wh..wh..opq", 0, ENTRY_OPAQUE, "x/y" },
                { ".wh.", -EINVAL, ENTRY_PLAIN, NULL },
                { ".wh..", -EINVAL, ENTRY_PLAIN, NULL },
                { ".wh...", -EINVAL, ENTRY_PLAIN, NULL },
                { "x/.wh...", -EINVAL, ENTRY_PLAIN, NULL },
                { ".wh..wh.", -EINVAL, ENTRY_PLAIN, NULL },
                { ".wh..wh.a", -EINVAL, ENTRY_PLAIN, NULL },
                { ".wh..wh..opq2", -EINVAL, ENTRY_PLAIN, NULL },
                { ".wh..wh..wh..opq", -EINVAL, ENTRY_PLAIN, NULL },
                { ".wh.a/b", -EINVAL, ENTRY_PLAIN, NULL },
                { "x/.wh.a/b/c", -EINVAL, ENTRY_PLAIN, NULL },
                { ".wh..wh..opq/a", -EINVAL, ENTRY_PLAIN, NULL },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct entry_path path;
                enum entry_mark mark = ENTRY_PLAIN;
                struct err e = { 0 };

                assert_int_equal(entry_path_parse(cases[i].name, &path, &e), 0);
                if (entry_take_mark(&path, &mark, &e) != cases[i].result)
                        fail_msg("'%s': %s", cases[i].name, e.text);
                if (!cases[i].path)
                        continue;
                assert_int_equal(mark, cases[i].mark);
                assert_string_equal(path.text, cases[i].path);
                assert_int_equal(path.len, strlen(path.text));
                const char *slash = strrchr(path.text, '/');
                assert_string_equal(path.base, slash ? slash + 1 : path.text);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(clean_names),
                cmocka_unit_test(refused_names),
                cmocka_unit_test(limits),
                cmocka_unit_test(marks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
