/* The documents of a committed image, and the list of what kelp made. */

#include "commit-doc.h"
#include "made.h"
#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define A  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B  "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define AT 981173106 /* 2001-02-03 04:05:06 */

static const char added[] = "{\"created\":\"2001-02-03T04:05:06Z\",\"created_by\":\"kelp commit\"}";

/* The configuration with B on top of `parent`; NULL when it is refused. */
static char *config(const char *parent)
{
        struct digest layer = { B };
        struct err e = { 0 };
        char *text = NULL;

        if (commit_config(parent, strlen(parent), &layer, AT, &text, &e) < 0)
                assert_true(e.code > 0 && e.text[0]);
        return text;
}

static void contains(const char *text, const char *part)
{
        assert_non_null(text);
        if (!strstr(text, part))
                fail_msg("'%s' is not in '%s'", part, text);
}

static void config_gets_a_layer(void **state)
{
        autofree char *text = config(
                "{\"os\":\"linux\",\"created\":\"1999-01-01T00:00:00Z\",\"x\":{\"y\":[1]},"
                "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" A "\"]},"
                "\"history\":[{\"created_by\":\"a\"},{\"created_by\":\"b\",\"empty_layer\":true}]}");

        (void)state;
        contains(text, "\"diff_ids\":[\"sha256:" A "\",\"sha256:" B "\"]");
        contains(text, "\"created\":\"2001-02-03T04:05:06Z\",\"x\":{\"y\":[1]}");
        contains(text, "{\"created_by\":\"a\"},{\"created_by\":\"b\",\"empty_layer\":true},");
        contains(text, added);
}

static void history_tells_of_each_layer(void **state)
{
        autofree char *none =
                config("{\"rootfs\":{\"diff_ids\":[\"sha256:" A "\",\"sha256:" A "\"]}}");
        autofree char *null = config("{\"rootfs\":{\"diff_ids\":[]},\"history\":null}");

        (void)state;
        contains(none,
                 "\"history\":[{\"created_by\":\"imported\"},{\"created_by\":\"imported\"},{");
        contains(none, added);
        contains(null, "\"history\":[{\"created\":");
}

static void config_must_be_one(void **state)
{
        static const char *const bad[] = {
                "",
                "[]",
                "{",
                "{\"rootfs\":1}",
                "{\"rootfs\":{\"diff_ids\":{}}}",
                "{\"rootfs\":{\"diff_ids\":[]},\"history\":{}}",
                "{\"rootfs\":{},\"rootfs\":{}}",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                autofree char *text = config(bad[i]);

                if (text)
                        fail_msg("'%s' was taken", bad[i]);
        }
}

static void manifest_is_of_oci(void **state)
{
        struct oci_descriptor layers[] = {
                { .media_type = "application/vnd.docker.image.rootfs.diff.tar.gzip",
                  .digest = { A },
                  .size = 1 },
                { .media_type = OCI_TYPE_LAYER_ZSTD, .digest = { A }, .size = 2 },
        };
        const struct oci_manifest parent = { .layers = layers, .n_layers = 2 };
        const struct oci_descriptor c = { .media_type = OCI_TYPE_CONFIG, .size = 3 };
        const struct oci_descriptor top = { .media_type = OCI_TYPE_LAYER_GZIP,
                                            .digest = { B },
                                            .size = 4 };
        autofree char *text = NULL;
        struct err e = { 0 };

        (void)state;
        assert_int_equal(commit_manifest(&parent, &c, &top, &text, &e), 0);
        contains(text, "\"mediaType\":\"" OCI_TYPE_MANIFEST "\"");
        contains(text, "\"layers\":[{\"mediaType\":\"" OCI_TYPE_LAYER_GZIP
                       "\",\"digest\":\"sha256:" A "\",\"size\":1},"
                       "{\"mediaType\":\"" OCI_TYPE_LAYER_ZSTD "\",\"digest\":\"sha256:" A
                       "\",\"size\":2},{\"mediaType\":\"" OCI_TYPE_LAYER_GZIP
                       "\",\"digest\":\"sha256:" B "\",\"size\":4}]");
        assert_null(strstr(text, "docker"));
}

static void layers_have_a_limit(void **state)
{
        autofree struct oci_descriptor *layers = calloc(LIMIT_LAYERS, sizeof(*layers));
        const struct oci_manifest parent = { .layers = layers, .n_layers = LIMIT_LAYERS };
        const struct oci_descriptor any = { .media_type = OCI_TYPE_CONFIG };
        autofree char *text = NULL;
        struct err e = { 0 };

        (void)state;
        assert_non_null(layers);
        for (size_t i = 0; i < LIMIT_LAYERS; i++)
                layers[i] = any;
        assert_int_equal(commit_manifest(&parent, &any, &any, &text, &e), -7);
        assert_string_equal(e.text, "the image would have more than 500 layers");
}

static void index_names_one(void **state)
{
        const struct oci_descriptor m = { .media_type = OCI_TYPE_MANIFEST,
                                          .digest = { A },
                                          .size = 5 };
        autofree char *named = NULL;
        autofree char *bare = NULL;
        struct err e = { 0 };

        (void)state;
        assert_int_equal(commit_index(&m, "x:1", &named, &e), 0);
        contains(named, "\"annotations\":{\"" OCI_ANNOTATION_NAME "\":\"x:1\"}");
        assert_int_equal(commit_index(&m, NULL, &bare, &e), 0);
        assert_null(strstr(bare, "annotations"));
}

/* ------ what kelp made ------ */

static struct made_list parse(const char *text, size_t len, int want)
{
        char *copy = malloc(len + 1);
        struct made_list list;
        struct err e = { 0 };

        assert_non_null(copy);
        memcpy(copy, text, len);
        copy[len] = '\0';
        assert_int_equal(made_parse(copy, len, &list, &e), want);
        return list;
}

static struct stat entry(mode_t mode, ino_t ino, time_t sec, long nsec)
{
        return (struct stat){ .st_mode = mode,
                              .st_ino = ino,
                              .st_ctim = { .tv_sec = sec, .tv_nsec = nsec } };
}

static void made_is_what_was_made(void **state)
{
        static const char text[] = "d 9 /proc\0f 7 100.000000005 /etc/hosts\0f 7 200.1 /etc/old\0"
                                   "f 8 1.2 /a b\nc";
        automade list = parse(text, sizeof(text), 0);
        struct stat dir = entry(S_IFDIR | 0755, 9, 0, 0);
        struct stat file = entry(S_IFREG | 0644, 7, 100, 5);

        (void)state;
        assert_int_equal(list.n, 4);
        assert_true(made_has(&list, "proc", &dir));
        assert_true(made_has(&list, "etc/hosts", &file));
        assert_false(made_has(&list, "etc/old", &file));
        assert_false(made_has(&list, "hosts", &file));
        assert_false(made_has(&list, "proc", &file));
        struct stat other = entry(S_IFREG, 8, 1, 2);
        assert_true(made_has(&list, "a b\nc", &other));
        /* another inode, a later change, another kind, mode or owner */
        file.st_ino = 6;
        assert_false(made_has(&list, "etc/hosts", &file));
        file = entry(S_IFREG | 0644, 7, 100, 6);
        assert_false(made_has(&list, "etc/hosts", &file));
        file = entry(S_IFLNK | 0777, 7, 100, 5);
        assert_false(made_has(&list, "etc/hosts", &file));
        dir.st_mode = S_IFDIR | 0700;
        assert_false(made_has(&list, "proc", &dir));
        dir = entry(S_IFDIR | 0755, 9, 0, 0);
        dir.st_uid = 1;
        assert_false(made_has(&list, "proc", &dir));
}

static void made_may_be_empty_or_cut(void **state)
{
        automade empty = parse("", 0, 0);
        automade cut = parse("d 9 /proc\0f 7 10", 16, 0);
        struct stat dir = entry(S_IFDIR | 0755, 9, 0, 0);

        (void)state;
        assert_int_equal(empty.n, 0);
        assert_false(made_has(&empty, "", &dir));
        assert_int_equal(cut.n, 1);
}

static void made_must_be_right(void **state)
{
        static const char *const bad[] = {
                "x 1 /a",
                "d /a",
                "d 1 a",
                "d 0 /a",
                "d -1 /a",
                "f 1 /a",
                "f 1 2 /a",
                "f 1 2. /a",
                "f 1 2.1000000000 /a",
                "f 1 2.3",
                "d",
                "",
                "d 1",
                "f 99999999999999999999 1.1 /a",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                automade list = parse(bad[i], strlen(bad[i]) + 1, -22);
                (void)list;
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(config_gets_a_layer),
                cmocka_unit_test(history_tells_of_each_layer),
                cmocka_unit_test(config_must_be_one),
                cmocka_unit_test(manifest_is_of_oci),
                cmocka_unit_test(layers_have_a_limit),
                cmocka_unit_test(index_names_one),
                cmocka_unit_test(made_is_what_was_made),
                cmocka_unit_test(made_may_be_empty_or_cut),
                cmocka_unit_test(made_must_be_right),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
