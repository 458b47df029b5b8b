#include "image-name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define DIGITS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void tells_what_may_be_an_id(void **state)
{
        (void)state;
        assert_string_equal(image_name_id_digits("0123456789ab"), "0123456789ab");
        assert_string_equal(image_name_id_digits("sha256:0123456789ab"), "0123456789ab");
        assert_string_equal(image_name_id_digits(DIGITS), DIGITS);
        assert_null(image_name_id_digits(DIGITS "0"));
        assert_null(image_name_id_digits("0123456789a"));
        assert_null(image_name_id_digits("sha256:0123456789a"));
        assert_null(image_name_id_digits("0123456789AB"));
        assert_null(image_name_id_digits("0123456789ab:latest"));
        assert_null(image_name_id_digits(""));
}

static void prints_one_repository(void **state)
{
        const char *names[] = { "deb:bookworm",      "deb:trixie", "debian:latest",
                                "host:5000/deb:old", "deb@sha256", NULL };
        char text[300];

        (void)state;
        assert_true(image_name_print_repo(names, "deb:sid", text, sizeof(text)));
        assert_string_equal(text, "deb:bookworm, deb:trixie, deb@sha256");
        assert_true(image_name_print_repo(names, "host:5000/deb", text, sizeof(text)));
        assert_string_equal(text, "host:5000/deb:old");
        assert_false(image_name_print_repo(names, "de", text, sizeof(text)));
        /* what does not fit is cut */
        assert_true(image_name_print_repo(names, "deb", text, 16));
        assert_string_equal(text, "deb:bookworm, d");
}

static void finds_the_same_by_docker(void **state)
{
        static const struct {
                const char *here;
                const char *name;
                bool is_same;
        } rows[] = {
                { "docker.io/foo/bar:v3", "foo/bar:v3", true },
                { "docker.io/library/alpine:latest", "alpine", true },
                { "docker.io/library/alpine:latest", "library/alpine", true },
                { "docker.io/library/alpine:latest", "docker.io/alpine:latest", true },
                { "alpine:latest", "docker.io/library/alpine", true },
                { "index.docker.io/alpine:3", "registry-1.docker.io/library/alpine:3", true },
                { "docker.io/library/alpine:3", "alpine", false },
                { "docker.io/library/a/b:latest", "a/b", false },
                { "docker.io/foo/bar:v3", "bar:v3", false },
                { "quay.io/library/alpine:latest", "alpine", false },
                { "localhost/alpine:latest", "alpine", false },
                { "docker.io/alpine@sha256:" DIGITS, "alpine@sha256:" DIGITS, true },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const char *names[] = { "x:latest", rows[i].here, NULL };
                const char *found = image_name_find_same(names, rows[i].name);

                if (rows[i].is_same ? found != rows[i].here : found != NULL)
                        fail_msg("'%s' of '%s'", rows[i].name, rows[i].here);
        }
}

static void finds_nothing_of_another_registry(void **state)
{
        static const struct {
                const char *here;
                const char *name;
                const char *near;
        } rows[] = {
                { "127.0.0.1:5103/tiny:latest", "127.0.0.1:5101/tiny", NULL },
                { "127.0.0.1:5103/tiny:latest", "127.0.0.1:5103/tinny", "127.0.0.1:5103/tiny" },
                { "quay.io/x/app:latest", "quai.io/x/app", NULL },
                { "docker.io/x/app:latest", "docker.io/x/ap", "docker.io/x/app" },
                { "a.b/c:latest", "a/c", NULL },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const char *names[] = { rows[i].here, NULL };
                struct arena arena = { 0 };
                const char *near = image_name_find_nearest(&arena, names, rows[i].name);

                if (rows[i].near)
                        assert_string_equal(near, rows[i].near);
                else
                        assert_null(near);
                arena_done(&arena);
        }
}

static void prints_the_first_few(void **state)
{
        const char *names[] = {
                "a:1", "a:2", "a:3", "a:4", "a:5", "a:6", "a:7", "a:8", "a:9", NULL
        };
        char text[300];

        (void)state;
        assert_true(image_name_print_repo(names, "a", text, sizeof(text)));
        assert_string_equal(text, "a:1, a:2, a:3, a:4, a:5, a:6, a:7, a:8");
}

static void finds_what_was_typed(void **state)
{
        const char *names[] = { "busybox:latest", "alpine:3", NULL };
        struct arena arena = { 0 };

        (void)state;
        assert_string_equal(image_name_find_nearest(&arena, names, "busibox"), "busybox");
        assert_string_equal(image_name_find_nearest(&arena, names, "alpin:3"), "alpine:3");
        assert_null(image_name_find_nearest(&arena, names, "postgres"));
        arena_done(&arena);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(tells_what_may_be_an_id),
                cmocka_unit_test(prints_one_repository),
                cmocka_unit_test(finds_the_same_by_docker),
                cmocka_unit_test(finds_nothing_of_another_registry),
                cmocka_unit_test(prints_the_first_few),
                cmocka_unit_test(finds_what_was_typed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
