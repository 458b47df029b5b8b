#include "name.h"
#include "platform.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void good_names(void **state)
{
        static const struct {
                const char *text;
                const char *host;
                const char *repo;
                const char *tag;
                const char *stored;
        } rows[] = {
                { "alpine", "docker.io", "library/alpine", "latest", "alpine:latest" },
                { "alpine:3.20", "docker.io", "library/alpine", "3.20", "alpine:3.20" },
                { "user/x", "docker.io", "user/x", "latest", "user/x:latest" },
                { "user/x/y:1", "docker.io", "user/x/y", "1", "user/x/y:1" },
                { "docker.io/alpine", "docker.io", "library/alpine", "latest",
                  "docker.io/alpine:latest" },
                { "docker.io/user/x", "docker.io", "user/x", "latest", "docker.io/user/x:latest" },
                { "index.docker.io/alpine", "docker.io", "library/alpine", "latest",
                  "index.docker.io/alpine:latest" },
                { "localhost/x", "localhost", "x", "latest", "localhost/x:latest" },
                { "localhost:5000/x:2", "localhost:5000", "x", "2", "localhost:5000/x:2" },
                { "host:5000/x", "host:5000", "x", "latest", "host:5000/x:latest" },
                { "ghcr.io/a/b", "ghcr.io", "a/b", "latest", "ghcr.io/a/b:latest" },
                { "10.1.2.3/a", "10.1.2.3", "a", "latest", "10.1.2.3/a:latest" },
                { "localhosts/x", "docker.io", "localhosts/x", "latest", "localhosts/x:latest" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct err e = { 0 };
                struct pull_name name;

                assert_int_equal(pull_name_parse(rows[i].text, &name, &e), 0);
                assert_string_equal(name.host, rows[i].host);
                assert_string_equal(name.repo, rows[i].repo);
                assert_string_equal(name.tag, rows[i].tag);
                assert_string_equal(name.stored, rows[i].stored);
                assert_string_equal(name.digest.hex, "");
        }
}

static void pinned_names(void **state)
{
        struct err e = { 0 };
        struct pull_name name;

        (void)state;
        assert_int_equal(pull_name_parse("alpine@sha256:" HEX, &name, &e), 0);
        assert_string_equal(name.repo, "library/alpine");
        assert_string_equal(name.tag, "");
        assert_string_equal(name.digest.hex, HEX);
        assert_string_equal(name.stored, "alpine@sha256:" HEX);
        assert_int_equal(pull_name_parse("h:1/a/b:tag@sha256:" HEX, &name, &e), 0);
        assert_string_equal(name.host, "h:1");
        assert_string_equal(name.repo, "a/b");
        assert_string_equal(name.tag, "");
        assert_string_equal(name.stored, "h:1/a/b:tag@sha256:" HEX);
}

static void bad_names(void **state)
{
        static const char *const names[] = {
                "",
                "Alpine",
                "a b",
                "https://docker.io/alpine",
                "alpine@",
                "alpine@sha256:",
                "alpine@sha256:0123",
                "alpine@sha256:" HEX "0",
                "alpine@sha512:" HEX,
                "alpine@SHA256:" HEX,
                "@sha256:" HEX,
                "alpine:@sha256:" HEX,
                "alpine@sha256:" HEX "@sha256:" HEX,
                "../../etc@sha256:" HEX,
                "a/../b",
                "host:99999999/x",
                "user:pw@host.example/x",
                "x?y=z",
                "x#y",
                "x%2fy",
                "x\n",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                struct err e = { 0 };
                struct pull_name name;

                if (pull_name_parse(names[i], &name, &e) == 0)
                        fail_msg("'%s' is taken for a name", names[i]);
                assert_int_not_equal(e.code, 0);
        }
}

static void schemes(void **state)
{
        struct err e = { 0 };
        struct pull_name name;

        (void)state;
        assert_true(pull_name_parse("docker://alpine", &name, &e) < 0);
        assert_string_equal(err_get_hint(&e), "names have no scheme: leave out 'docker://'");
        assert_true(pull_name_parse("https://h.example:1/x:y@sha256:" HEX, &name, &e) < 0);
        assert_string_equal(err_get_hint(&e), "names have no scheme: leave out 'https://'");
}

static void registries_alone(void **state)
{
        static const struct {
                const char *text;
                const char *hint; /* NULL: it is the name of an image */
        } rows[] = {
                { "127.0.0.1:5101", "kelp pull 127.0.0.1:5101/NAME" },
                { "127.0.0.1", "kelp pull 127.0.0.1/NAME" },
                { "10.0.0.1@sha256:" HEX, "kelp pull 10.0.0.1/NAME" },
                { "localhost", "kelp pull localhost/NAME" },
                { "localhost:5000", "kelp pull localhost:5000/NAME" },
                { "registry.example:443", "kelp pull registry.example:443/NAME" },
                { "registry.example", NULL },
                { "app.js:v18", NULL },
                { "host:5000", NULL },
                { "localhosts:5000", NULL },
                { "123:5000", NULL },
                { "127.0.0.1/x:5000", NULL },
                { "localhost/localhost:5000", NULL },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct err e = { 0 };
                struct pull_name name;
                int r = pull_name_parse(rows[i].text, &name, &e);

                if ((r < 0) != (rows[i].hint != NULL))
                        fail_msg("'%s'", rows[i].text);
                if (r == 0)
                        continue;
                assert_non_null(strstr(e.text, "names a registry, and no image of it"));
                assert_string_equal(err_get_hint(&e), rows[i].hint);
        }
}

static void ports(void **state)
{
        static const char *const bad[] = { "127.0.0.1:99999/tiny", "host:0/x:1", "h:65536/x" };

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct err e = { 0 };
                struct pull_name name;

                assert_int_equal(pull_name_parse(bad[i], &name, &e), -EINVAL);
                assert_non_null(strstr(e.text, "the port of the registry '"));
        }
        struct err e = { 0 };
        struct pull_name name;

        assert_int_equal(pull_name_parse("h:65535/x", &name, &e), 0);
}

static void platforms(void **state)
{
        static const char *const bad[] = {
                "",        "/",           "linux/",       "/amd64", "linux/amd64/",
                "a/b/c/d", "linux amd64", "linux/am\x1b", "linux",  "arm64"
        };
        struct err e = { 0 };
        struct platform p;

        (void)state;
        assert_int_equal(platform_parse("linux/arm/v7", &p, &e), 0);
        assert_string_equal(p.os, "linux");
        assert_string_equal(p.architecture, "arm");
        assert_string_equal(p.variant, "v7");
        assert_int_equal(platform_parse("linux/arm64", &p, &e), 0);
        assert_string_equal(p.os, "linux");
        assert_string_equal(p.architecture, "arm64");
        assert_string_equal(p.variant, "");
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                if (platform_parse(bad[i], &p, &e) == 0)
                        fail_msg("'%s' is taken for a platform", bad[i]);
        }
}

static struct oci_descriptor entry(const char *os, const char *architecture, const char *variant)
{
        return (struct oci_descriptor){ .media_type = OCI_TYPE_MANIFEST,
                                        .os = os,
                                        .architecture = architecture,
                                        .variant = variant };
}

/* The position that is chosen for a platform; -1: none. */
static int choose(const struct oci_index *index, const char *text)
{
        struct err e = { 0 };
        struct platform p;

        assert_int_equal(platform_parse(text, &p, &e), 0);
        const struct oci_descriptor *d = platform_choose(index, &p, &e);
        return d ? (int)(d - index->entries) : -1;
}

static void choices(void **state)
{
        struct oci_descriptor entries[] = {
                entry("unknown", "unknown", NULL), entry("linux", "arm", "v5"),
                entry("linux", "arm", "v7"),       entry("linux", "arm", "v6"),
                entry("linux", "amd64", "v3"),     entry("linux", "amd64", NULL),
                entry("windows", "amd64", NULL),   entry("linux", "arm64", "v8"),
        };
        struct oci_index index = { .entries = entries, .n_entries = 8 };

        (void)state;
        assert_int_equal(choose(&index, "linux/amd64"), 5);
        assert_int_equal(choose(&index, "linux/amd64/v3"), 4);
        assert_int_equal(choose(&index, "windows/amd64"), 6);
        assert_int_equal(choose(&index, "linux/arm/v7"), 2);
        assert_int_equal(choose(&index, "linux/arm/v6"), 3);
        assert_int_equal(choose(&index, "linux/arm/v8"), 2);
        assert_int_equal(choose(&index, "linux/arm/v4"), -1);
        assert_int_equal(choose(&index, "linux/arm64"), 7);
        assert_int_equal(choose(&index, "linux/arm64/v8"), 7);
        assert_int_equal(choose(&index, "linux/s390x"), -1);
        /* an index of one image, whose entry tells nothing */
        entries[0] = entry(NULL, NULL, NULL);
        assert_int_equal(choose(&index, "linux/s390x"), 0);
        assert_int_equal(choose(&index, "linux/amd64"), 5);
}

static void single_images(void **state)
{
        static const struct {
                const char *config;
                const char *want;
                const char *error; /* NULL: it is that one */
        } cases[] = {
                { "{\"os\":\"linux\",\"architecture\":\"s390x\"}", "linux/s390x", NULL },
                { "{\"os\":\"linux\",\"architecture\":\"s390x\"}", "linux/ppc64le",
                  "the image is for linux/s390x, not linux/ppc64le" },
                { "{\"os\":\"linux\",\"architecture\":\"s390x\"}", "windows/s390x",
                  "the image is for linux/s390x, not windows/s390x" },
                { "{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v7\"}", "linux/arm/v6",
                  "the image is for linux/arm/v7, not linux/arm/v6" },
                { "{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v6\"}", "linux/arm/v7",
                  NULL },
                { "{\"os\":\"\",\"architecture\":\"\",\"variant\":\"\"}", "linux/s390x", NULL },
                { "{\"architecture\":\"s390x\"}", "linux/s390x", NULL },
                { "{\"os\":\"windows\"}", "linux/s390x",
                  "the image is for windows/s390x, not linux/s390x" },
                { "{}", "linux/s390x", NULL },
                { "[]", "linux/s390x", "the image's configuration is not an object" },
                { "{\"os\":1}", "linux/s390x", "'os' of the image's configuration" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct err e = { 0 };
                struct platform p;

                assert_int_equal(platform_parse(cases[i].want, &p, &e), 0);
                int r = platform_check(cases[i].config, strlen(cases[i].config), &p, &e);
                assert_int_equal(r, -e.code);
                if (!cases[i].error)
                        assert_int_equal(r, 0);
                else
                        assert_ptr_equal(strstr(e.text, cases[i].error), e.text);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(good_names),       cmocka_unit_test(pinned_names),
                cmocka_unit_test(bad_names),        cmocka_unit_test(schemes),
                cmocka_unit_test(registries_alone), cmocka_unit_test(ports),
                cmocka_unit_test(platforms),        cmocka_unit_test(choices),
                cmocka_unit_test(single_images),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
