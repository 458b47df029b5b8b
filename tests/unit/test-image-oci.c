#include "doc.h"
#include "oci.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEX_A  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B  "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define CONFIG "{\"mediaType\":\"" OCI_TYPE_CONFIG "\",\"digest\":\"sha256:" HEX_A "\",\"size\":7}"
#define LAYER                                                                                      \
        "{\"mediaType\":\"" OCI_TYPE_LAYER_GZIP "\",\"digest\":\"sha256:" HEX_B "\",\"size\":9}"
#define DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"

static int parse_manifest(const char *text, const char *type, struct oci_manifest *ret,
                          struct err *e)
{
        return oci_manifest_parse(text, strlen(text), type, ret, e);
}

static void good_manifest(void **state)
{
        static const char text[] = "{\"schemaVersion\":2,\"mediaType\":\"" OCI_TYPE_MANIFEST
                                   "\",\"config\":" CONFIG ",\"layers\":[" LAYER "," LAYER "]}";
        static const char bare[] =
                "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[" LAYER "]}";
        automanifest m = { 0 };
        automanifest n = { 0 };
        struct err e = { 0 };

        (void)state;
        assert_int_equal(parse_manifest(text, OCI_TYPE_MANIFEST, &m, &e), 0);
        assert_int_equal(m.n_layers, 2);
        assert_int_equal(m.layers[1].size, 9);
        assert_string_equal(m.layers[1].digest.hex, HEX_B);
        assert_string_equal(m.config.digest.hex, HEX_A);
        assert_int_equal(parse_manifest(bare, DOCKER_MANIFEST, &n, &e), 0);
}

static void bad_manifests(void **state)
{
        static const char *const texts[] = {
                "",
                "[]",
                "null",
                "{}",
                "{\"schemaVersion\":2}",
                "{\"schemaVersion\":1,\"config\":" CONFIG ",\"layers\":[" LAYER "]}",
                "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[]}",
                "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":{}}",
                "{\"schemaVersion\":2,\"config\":[],\"layers\":[" LAYER "]}",
                "{\"schemaVersion\":2,\"config\":" LAYER ",\"layers\":[" LAYER "]}",
                "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[" CONFIG "]}",
                "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[" LAYER
                "],\"manifests\":[]}",
                "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[" LAYER
                "],\"mediaType\":\"" DOCKER_MANIFEST "\"}",
                "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[" LAYER
                "],\"config\":" CONFIG "}",
                "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[" LAYER "]} x",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                automanifest m = { 0 };
                struct err e = { 0 };

                if (parse_manifest(texts[i], OCI_TYPE_MANIFEST, &m, &e) == 0)
                        fail_msg("taken: %s", texts[i]);
        }
}

static void an_index(void **state)
{
        static const char text[] =
                "{\"schemaVersion\":2,\"manifests\":["
                "{\"mediaType\":\"application/x-unknown\",\"digest\":\"sha256:" HEX_A
                "\",\"size\":1},"
                "{\"mediaType\":\"" OCI_TYPE_MANIFEST "\",\"digest\":\"sha256:" HEX_B
                "\",\"size\":2,\"platform\":{\"architecture\":\"arm64\",\"os\":\"linux\"},"
                "\"annotations\":{\"" OCI_ANNOTATION_NAME "\":\"v1\"}}]}";
        static const char config[] = "{\"schemaVersion\":2,\"manifests\":[],\"config\":{}}";
        autoindex index = { 0 };
        autoindex other = { 0 };
        struct err e = { 0 };

        (void)state;
        assert_int_equal(oci_index_parse(text, strlen(text), NULL, &index, &e), 0);
        assert_int_equal(index.n_entries, 1);
        assert_string_equal(index.entries[0].digest.hex, HEX_B);
        assert_string_equal(index.entries[0].architecture, "arm64");
        assert_string_equal(index.entries[0].ref_name, "v1");
        assert_int_equal(oci_index_parse(config, strlen(config), NULL, &other, &e), -EINVAL);
}

static void a_config(void **state)
{
        static const char text[] =
                "{\"architecture\":\"amd64\",\"os\":\"linux\",\"created\":\"2024-01-31T12:00:00Z\","
                "\"config\":{\"Env\":[\"PATH=/bin\",\"\",\"NOVALUE\",\"E=\"],"
                "\"Entrypoint\":[\"/bin/sh\",\"-c\"],\"Cmd\":null,\"WorkingDir\":\"srv/../w\","
                "\"User\":\"1000:1000\",\"StopSignal\":\"SIGRTMIN+3\","
                "\"ExposedPorts\":{\"80/tcp\":{},\"53/udp\":{},\"443\":{},\"nonsense\":{}},"
                "\"Volumes\":{\"/x\":{}},\"Labels\":{\"a\":\"b\"}},"
                "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" HEX_A "\"]}}";
        autoimage image = { 0 };
        struct oci_config *config = calloc(1, sizeof(*config));
        struct err e = { 0 };

        (void)state;
        assert_int_equal(oci_config_parse(text, strlen(text), &image, config, &e), 0);
        assert_int_equal(config->n_diff_ids, 1);
        assert_int_equal(config->n_ignored, 3);
        assert_int_equal(image.run.env.n, 2);
        assert_string_equal(image.run.env.item[1], "E=");
        assert_int_equal(image.run.entrypoint.n, 2);
        assert_int_equal(image.run.command.n, 0);
        assert_string_equal(image.run.workdir, "/w");
        assert_string_equal(image.run.user, "1000:1000");
        assert_string_equal(image.run.stop_signal, "37");
        assert_int_equal(image.run.expose.n, 3);
        assert_string_equal(image.run.expose.item[2], "443/tcp");
        free(config);
}

static void what_is_written_can_be_read(void **state)
{
        static const struct digest ids[] = { { HEX_A }, { HEX_B } };
        struct oci_descriptor d = { .media_type = OCI_TYPE_CONFIG, .digest = ids[0], .size = 5 };
        struct oci_descriptor layers[2] = {
                { .media_type = OCI_TYPE_LAYER, .digest = ids[0], .size = 1 },
                { .media_type = OCI_TYPE_LAYER_ZSTD, .digest = ids[1], .size = 2 },
        };
        struct oci_config *config = calloc(1, sizeof(*config));
        autoimage image = { 0 };
        automanifest m = { 0 };
        struct err e = { 0 };
        char *text;

        (void)state;
        assert_int_equal(oci_config_write(ids, 2, &text, &e), 0);
        assert_int_equal(oci_config_parse(text, strlen(text), &image, config, &e), 0);
        assert_int_equal(config->n_diff_ids, 2);
        assert_string_equal(config->diff_ids[1].hex, HEX_B);
        assert_string_equal(config->architecture, oci_architecture());
        free(text);
        assert_int_equal(oci_manifest_write(&d, layers, 2, &text, &e), 0);
        assert_int_equal(parse_manifest(text, OCI_TYPE_MANIFEST, &m, &e), 0);
        assert_int_equal(m.n_layers, 2);
        assert_string_equal(m.layers[1].media_type, OCI_TYPE_LAYER_ZSTD);
        free(text);
        free(config);
}

static void docker_archives(void **state)
{
        static const char text[] = "[{\"Config\":\"a.json\",\"RepoTags\":[\"a:1\"],\"Layers\":["
                                   "\"a/layer.tar\"]},{\"Config\":\"b.json\",\"RepoTags\":[\"b:1\","
                                   "\"b:2\"],\"Layers\":[\"b\",\"c\"]}]";
        struct docker_entry entry = { 0 };
        struct err e = { 0 };
        autodoc *doc = doc_parse(text, strlen(text), "manifest.json", &e);

        (void)state;
        assert_non_null(doc);
        assert_int_equal(docker_manifest_parse(doc, "b:2", &entry, &e), 0);
        assert_string_equal(entry.config, "b.json");
        assert_int_equal(entry.n_layers, 2);
        assert_int_equal(docker_manifest_parse(doc, "c:1", &entry, &e), -EINVAL);
        assert_non_null(strstr(e.text, "'a:1', 'b:1', 'b:2'"));
        assert_int_equal(docker_manifest_parse(doc, NULL, &entry, &e), -EINVAL);
}

static void measures(void **state)
{
        struct err e = { 0 };
        char text[200];

        (void)state;
        memset(text, '[', 32);
        memset(text + 32, ']', 32);
        autodoc *deep = doc_parse(text, 64, "it", &e);
        assert_non_null(deep);
        memset(text, '[', 33);
        memset(text + 33, ']', 33);
        assert_null(doc_parse(text, 66, "it", &e));
        assert_non_null(strstr(e.text, "deeper than 32"));

        /* brackets in strings count for nothing, also behind an escaped quote */
        static const char quoted[] = "[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[\"]";
        autodoc *fine = doc_parse(quoted, strlen(quoted), "it", &e);
        assert_non_null(fine);

        size_t len = (size_t)LIMIT_JSON + 1;
        char *large = malloc(len);
        memset(large, ' ', len);
        assert_null(doc_parse(large, len, "it", &e));
        assert_int_equal(e.code, EFBIG);
        memset(large, ',', LIMIT_JSON_VALUES + 2);
        large[0] = '[';
        assert_null(doc_parse(large, LIMIT_JSON_VALUES + 2, "it", &e));
        assert_int_equal(e.code, E2BIG);
        free(large);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(good_manifest),
                cmocka_unit_test(bad_manifests),
                cmocka_unit_test(an_index),
                cmocka_unit_test(a_config),
                cmocka_unit_test(what_is_written_can_be_read),
                cmocka_unit_test(docker_archives),
                cmocka_unit_test(measures),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
