#include "digest.h"
#include "ref.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void good_names(void **state)
{
        static const char *const names[][2] = {
                { "busybox", "busybox:latest" },
                { "busybox:1.36", "busybox:1.36" },
                { "b", "b:latest" },
                { "a.b_c__d-e---f", "a.b_c__d-e---f:latest" },
                { "team/app", "team/app:latest" },
                { "a/b/c/d:T_a-g.1", "a/b/c/d:T_a-g.1" },
                { "registry.example:5000/team/app", "registry.example:5000/team/app:latest" },
                { "localhost/app", "localhost/app:latest" },
                { "Host.Example/app:1", "Host.Example/app:1" },
                { "10.0.0.1:80/x", "10.0.0.1:80/x:latest" },
                { "x:_", "x:_" },
        };
        struct err e = { 0 };
        char whole[REF_MAX + 1];

        (void)state;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                assert_int_equal(ref_parse(names[i][0], whole, &e), 0);
                assert_string_equal(whole, names[i][1]);
        }
}

static void bad_names(void **state)
{
        static const char *const names[] = {
                "",
                ":",
                ":tag",
                "x:",
                "x:-a",
                "x:.a",
                "x:a b",
                "x:a:b",
                "X",
                "Busybox",
                "sha256",
                "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef:x",
                "a//b",
                "/a",
                "a/",
                "a..b",
                "a.-b",
                ".a",
                "a.",
                "-a",
                "a-",
                "_a",
                "a___b",
                "a/../b",
                "..",
                ".",
                "a b",
                "a\nb",
                "a\033[31m",
                "caf\xc3\xa9",
                "x@sha256:aaaa",
                "host:/a",
                "host:999999/a",
                "ho_st.x/a",
                "-host.x/a",
                "host..x/a",
                "host.x-/a",
                "a:1/b:2:3",
                "x%3A",
                "[::1]/x",
        };
        char whole[REF_MAX + 1];

        (void)state;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                struct err e = { 0 };

                if (ref_parse(names[i], whole, &e) != -EINVAL)
                        fail_msg("'%s' is taken for a name", names[i]);
                assert_int_equal(e.code, EINVAL);
        }
}

#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void pinned_names(void **state)
{
        struct err e = { 0 };
        char whole[REF_MAX + 1];
        char file[NAME_MAX + 1];
        char again[REF_MAX + 1];

        (void)state;
        assert_int_equal(ref_parse_any("x", whole, &e), 0);
        assert_string_equal(whole, "x:latest");
        assert_int_equal(ref_parse_any("h:1/x@" DIGEST, whole, &e), 0);
        assert_string_equal(whole, "h:1/x@" DIGEST);
        assert_int_equal(ref_encode(whole, file, &e), 0);
        assert_int_equal(ref_decode(file, again, &e), 0);
        assert_string_equal(again, whole);
        assert_int_equal(ref_parse_any("x:1@" DIGEST, whole, &e), 0);
        assert_string_equal(whole, "x:1@" DIGEST);
        /* it is for those who have checked it */
        assert_int_equal(ref_parse("x@" DIGEST, whole, &e), -EINVAL);
        assert_int_equal(ref_parse_any("x@", whole, &e), -EINVAL);
        assert_int_equal(ref_parse_any("@" DIGEST, whole, &e), -EINVAL);
        assert_int_equal(ref_parse_any("x@" DIGEST "0", whole, &e), -EINVAL);
        assert_int_equal(ref_parse_any("x@" DIGEST "@" DIGEST, whole, &e), -EINVAL);
}

static void length_of_names(void **state)
{
        struct err e = { 0 };
        char whole[REF_MAX + 1];
        char text[400];

        (void)state;
        memset(text, 'a', sizeof(text));
        text[255] = '\0';
        assert_int_equal(ref_parse(text, whole, &e), 0);
        text[255] = 'a';
        text[256] = '\0';
        assert_int_equal(ref_parse(text, whole, &e), -EINVAL);
        memset(text, 'a', sizeof(text));
        text[1] = ':';
        text[2 + 128] = '\0';
        assert_int_equal(ref_parse(text, whole, &e), 0);
        text[2 + 128] = 'a';
        text[2 + 129] = '\0';
        assert_int_equal(ref_parse(text, whole, &e), -EINVAL);
}

static void names_of_files(void **state)
{
        static const char *const names[][2] = {
                { "busybox.tar", "busybox:latest" },
                { "/tmp/x/debian-12.tar.gz", "debian-12:latest" },
                { "./a.tgz", "a:latest" },
                { "a.tar.xz", "a:latest" },
                { "a.tar.zst", "a:latest" },
                { "layout/", "layout:latest" },
                { "x/layout.oci///", "layout:latest" },
                { "app.docker.tar", "app:latest" },
                { "v1.2.tar", "v1.2:latest" },
                { "tar", "tar:latest" },
        };
        struct err e = { 0 };
        char whole[REF_MAX + 1];

        (void)state;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                assert_int_equal(ref_from_path(names[i][0], whole, &e), 0);
                assert_string_equal(whole, names[i][1]);
        }
        assert_int_equal(ref_from_path("My Image.tar", whole, &e), -EINVAL);
        assert_non_null(err_get_hint(&e));
        assert_int_equal(ref_from_path("a:b.tar", whole, &e), -EINVAL);
        assert_int_equal(ref_from_path("/", whole, &e), -EINVAL);
        assert_int_equal(ref_from_path(".tar", whole, &e), -EINVAL);
}

static void file_names(void **state)
{
        struct err e = { 0 };
        char file[NAME_MAX + 1];
        char name[REF_MAX + 1];
        char text[300];

        (void)state;
        assert_int_equal(ref_encode("r.example:5000/a_b/c-d:1.0", file, &e), 0);
        assert_string_equal(file, "r.example%3A5000%2Fa_b%2Fc-d%3A1.0");
        assert_int_equal(ref_decode(file, name, &e), 0);
        assert_string_equal(name, "r.example:5000/a_b/c-d:1.0");

        static const char *const bad[] = { "",         "x",      "x%3a1",          "x%3A",
                                           "x%",       "x%3",    "%3Ax",           "..",
                                           "x%00%3A1", "x:1",    "a%2F..%2Fb%3A1", "X%3A1",
                                           "x%3A1%20", "%78%3A1" };
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                if (ref_decode(bad[i], name, &e) == 0)
                        fail_msg("'%s' is taken for a name", bad[i]);
        }

        /* 84 components take 3 bytes each behind the first */
        memset(text, 'a', sizeof(text));
        for (size_t i = 1; i < 200; i += 2)
                text[i] = '/';
        text[200] = '\0';
        text[199] = 'a';
        assert_int_equal(ref_encode(text, file, &e), -ENAMETOOLONG);
}

static void path_keys(void **state)
{
        struct err e = { 0 };
        char text[256];

        (void)state;
        assert_int_equal(ref_check_path_key("12-ab.0-", &e), 0);
        assert_int_equal(ref_check_path_key("", &e), -EINVAL);
        assert_int_equal(ref_check_path_key(".", &e), -EINVAL);
        assert_int_equal(ref_check_path_key("..", &e), -EINVAL);
        assert_int_equal(ref_check_path_key("a/b", &e), -EINVAL);
        assert_int_equal(ref_check_path_key("A", &e), -EINVAL);
        memset(text, 'a', sizeof(text));
        text[200] = '\0';
        assert_int_equal(ref_check_path_key(text, &e), 0);
        text[200] = 'a';
        text[201] = '\0';
        assert_int_equal(ref_check_path_key(text, &e), -EINVAL);
}

static void digests(void **state)
{
        static const char empty[] =
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        struct digest d;
        struct err e = { 0 };
        char text[100];

        (void)state;
        assert_int_equal(digest_of("", 0, &d, &e), 0);
        assert_string_equal(d.hex, empty);
        snprintf(text, sizeof(text), "sha256:%s", empty);
        assert_int_equal(digest_parse(text, &d, &e), 0);
        assert_string_equal(d.hex, empty);
        text[10] = 'A';
        assert_int_equal(digest_parse(text, &d, &e), -EINVAL);
        snprintf(text, sizeof(text), "sha256:%s0", empty);
        assert_int_equal(digest_parse(text, &d, &e), -EINVAL);
        snprintf(text, sizeof(text), "SHA256:%s", empty);
        assert_int_equal(digest_parse(text, &d, &e), -EINVAL);
        assert_int_equal(digest_parse("sha256:", &d, &e), -EINVAL);
        assert_int_equal(digest_parse(empty, &d, &e), -EINVAL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(good_names),     cmocka_unit_test(bad_names),
                cmocka_unit_test(pinned_names),   cmocka_unit_test(length_of_names),
                cmocka_unit_test(names_of_files), cmocka_unit_test(file_names),
                cmocka_unit_test(path_keys),      cmocka_unit_test(digests),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
