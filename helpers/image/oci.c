#include "oci.h"

#include "str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

static const char *const index_types[] = {
        OCI_TYPE_INDEX,
        "application/vnd.docker.distribution.manifest.list.v2+json",
        NULL,
};

static const char *const manifest_types[] = {
        OCI_TYPE_MANIFEST,
        "application/vnd.docker.distribution.manifest.v2+json",
        NULL,
};

static const char *const config_types[] = {
        OCI_TYPE_CONFIG,
        "application/vnd.docker.container.image.v1+json",
        NULL,
};

static const char *const layer_types[] = {
        OCI_TYPE_LAYER,
        OCI_TYPE_LAYER_GZIP,
        OCI_TYPE_LAYER_ZSTD,
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
        "application/vnd.docker.image.rootfs.diff.tar",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.docker.image.rootfs.diff.tar.zstd",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        NULL,
};

static bool is_one_of(const char *type, const char *const *types)
{
        for (; *types; types++) {
                if (str_eq(type, *types))
                        return true;
        }
        return false;
}

bool oci_is_index_type(const char *media_type)
{
        return is_one_of(media_type, index_types);
}

bool oci_is_manifest_type(const char *media_type)
{
        return is_one_of(media_type, manifest_types);
}

const char *oci_architecture(void)
{
        static const char *const names[][2] = {
                { "x86_64", "amd64" },    { "aarch64", "arm64" },       { "armv7l", "arm" },
                { "armv6l", "arm" },      { "armv8l", "arm" },          { "i686", "386" },
                { "i586", "386" },        { "ppc64le", "ppc64le" },     { "s390x", "s390x" },
                { "riscv64", "riscv64" }, { "loongarch64", "loong64" }, { "mips64", "mips64le" },
        };
        struct utsname u;

        if (uname(&u) < 0)
                return NULL;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                if (str_eq(u.machine, names[i][0]))
                        return names[i][1];
        }
        return NULL;
}

static int read_platform(const json_t *object, const char *what, struct oci_descriptor *ret,
                         struct err *e)
{
        const json_t *platform;

        if (doc_object(object, "platform", what, &platform, e) < 0)
                return -e->code;
        if (!platform)
                return 0;
        if (doc_required_string(platform, "architecture", what, &ret->architecture, e) < 0 ||
            doc_string(platform, "variant", what, &ret->variant, e) < 0)
                return -e->code;
        return doc_required_string(platform, "os", what, &ret->os, e);
}

static int read_descriptor(const json_t *object, const char *what, struct oci_descriptor *ret,
                           struct err *e)
{
        struct oci_descriptor d = { 0 };
        const char *digest;
        const json_t *annotations;

        if (!json_is_object(object))
                return err_set(e, EINVAL, "%s is not an object", what);
        if (doc_required_string(object, "mediaType", what, &d.media_type, e) < 0 ||
            doc_required_string(object, "digest", what, &digest, e) < 0 ||
            doc_size(object, what, &d.size, e) < 0 || digest_parse(digest, &d.digest, e) < 0)
                return -e->code;
        if (doc_object(object, "annotations", what, &annotations, e) < 0)
                return -e->code;
        if (annotations && doc_string(annotations, OCI_ANNOTATION_NAME, what, &d.ref_name, e) < 0)
                return -e->code;
        if (read_platform(object, what, &d, e) < 0)
                return -e->code;
        *ret = d;
        return 0;
}

/* The document's own media type is optional, but it must not contradict the one that led here. */
static int check_media_type(const json_t *doc, const char *what, const char *media_type,
                            const char *const *types, struct err *e)
{
        const char *own;

        if (doc_string(doc, "mediaType", what, &own, e) < 0)
                return -e->code;
        if (own && media_type && !str_eq(own, media_type))
                return err_set(e, EINVAL, "%s says that it is '%.100s', its descriptor '%.100s'",
                               what, own, media_type);
        if (own && !is_one_of(own, types))
                return err_set(e, EINVAL, "%s says that it is '%.100s'", what, own);
        return 0;
}

static int check_absent(const json_t *doc, const char *what, const char *member, struct err *e)
{
        if (json_object_get(doc, member))
                return err_set(e, EINVAL, "%s has '%s': it is not what it pretends to be", what,
                               member);
        return 0;
}

static json_t *parse_object(const char *data, size_t len, const char *what, struct err *e)
{
        autodoc *doc = doc_parse(data, len, what, e);

        if (!doc)
                return NULL;
        if (!json_is_object(doc)) {
                err_set(e, EINVAL, "%s is not an object", what);
                return NULL;
        }
        return json_incref(doc);
}

static int read_index(const json_t *list, struct oci_index *ret, struct err *e)
{
        size_t n = json_array_size(list);

        if (n > LIMIT_MANIFESTS)
                return err_set(e, E2BIG, "the index has more than %u entries", LIMIT_MANIFESTS);
        ret->entries = mem_alloc(n * sizeof(*ret->entries), e);
        if (!ret->entries)
                return -e->code;
        for (size_t i = 0; i < n; i++) {
                struct oci_descriptor d;

                if (read_descriptor(json_array_get(list, i), "an entry of the index", &d, e) < 0)
                        return -e->code;
                /* the specification: ignore what you do not know */
                if (oci_is_index_type(d.media_type) || oci_is_manifest_type(d.media_type))
                        ret->entries[ret->n_entries++] = d;
        }
        return 0;
}

int oci_index_parse(const char *data, size_t len, const char *media_type, struct oci_index *ret,
                    struct err *e)
{
        static const char what[] = "the index";
        const json_t *list;

        *ret = (struct oci_index){ .doc = parse_object(data, len, what, e) };
        if (!ret->doc)
                return -e->code;
        if (doc_check_schema(ret->doc, what, e) < 0 ||
            check_media_type(ret->doc, what, media_type, index_types, e) < 0 ||
            check_absent(ret->doc, what, "layers", e) < 0 ||
            check_absent(ret->doc, what, "config", e) < 0 ||
            doc_array(ret->doc, "manifests", what, &list, e) < 0)
                return -e->code;
        if (!list)
                return err_set(e, EINVAL, "%s has no 'manifests'", what);
        return read_index(list, ret, e);
}

void oci_index_done(struct oci_index *index)
{
        free(index->entries);
        json_decref(index->doc);
        *index = (struct oci_index){ 0 };
}

static int read_layers(const json_t *list, struct oci_manifest *ret, struct err *e)
{
        size_t n = json_array_size(list);

        if (n > LIMIT_LAYERS)
                return err_set(e, E2BIG, "the manifest has more than %u layers", LIMIT_LAYERS);
        if (n == 0)
                return err_set(e, EINVAL, "the image has no layers");
        ret->layers = mem_alloc(n * sizeof(*ret->layers), e);
        if (!ret->layers)
                return -e->code;
        for (size_t i = 0; i < n; i++) {
                struct oci_descriptor *d = &ret->layers[i];

                if (read_descriptor(json_array_get(list, i), "a layer of the manifest", d, e) < 0)
                        return -e->code;
                if (!is_one_of(d->media_type, layer_types))
                        return err_set(e, EINVAL, "a layer has the unknown type '%.100s'",
                                       d->media_type);
        }
        ret->n_layers = n;
        return 0;
}

int oci_manifest_parse(const char *data, size_t len, const char *media_type,
                       struct oci_manifest *ret, struct err *e)
{
        static const char what[] = "the manifest";
        const json_t *config;
        const json_t *list;

        *ret = (struct oci_manifest){ .doc = parse_object(data, len, what, e) };
        if (!ret->doc)
                return -e->code;
        if (doc_check_schema(ret->doc, what, e) < 0 ||
            check_media_type(ret->doc, what, media_type, manifest_types, e) < 0 ||
            check_absent(ret->doc, what, "manifests", e) < 0 ||
            doc_object(ret->doc, "config", what, &config, e) < 0 ||
            doc_array(ret->doc, "layers", what, &list, e) < 0)
                return -e->code;
        if (!config || !list)
                return err_set(e, EINVAL, "%s has no '%s'", what, config ? "layers" : "config");
        if (read_descriptor(config, "the configuration in the manifest", &ret->config, e) < 0)
                return -e->code;
        if (!is_one_of(ret->config.media_type, config_types))
                return err_set(e, EINVAL, "this is not a container image but '%.100s'",
                               ret->config.media_type);
        return read_layers(list, ret, e);
}

void oci_manifest_done(struct oci_manifest *manifest)
{
        free(manifest->layers);
        json_decref(manifest->doc);
        *manifest = (struct oci_manifest){ 0 };
}

/* Takes over `value`, which may be NULL for "no memory". */
static int set_new(json_t *object, const char *member, json_t *value, struct err *e)
{
        if (json_object_set_new(object, member, value) < 0)
                return err_set(e, ENOMEM, "out of memory");
        return 0;
}

static json_t *descriptor_new(const struct oci_descriptor *d)
{
        return json_pack("{s:s, s:o, s:I}", "mediaType", d->media_type, "digest",
                         json_sprintf("sha256:%s", d->digest.hex), "size", (json_int_t)d->size);
}

int oci_manifest_write(const struct oci_descriptor *config, const struct oci_descriptor *layers,
                       size_t n, char **ret, struct err *e)
{
        autodoc *doc = json_pack("{s:i, s:s}", "schemaVersion", 2, "mediaType", OCI_TYPE_MANIFEST);
        autodoc *list = json_array();

        for (size_t i = 0; i < n; i++) {
                if (json_array_append_new(list, descriptor_new(&layers[i])) < 0)
                        return err_set(e, ENOMEM, "out of memory");
        }
        if (set_new(doc, "config", descriptor_new(config), e) < 0 ||
            set_new(doc, "layers", json_incref(list), e) < 0)
                return -e->code;
        return doc_write(doc, ret, e);
}

int oci_config_write(const struct digest *diff_ids, size_t n, char **ret, struct err *e)
{
        const char *architecture = oci_architecture();
        autodoc *list = json_array();

        for (size_t i = 0; i < n; i++) {
                if (json_array_append_new(list, json_sprintf("sha256:%s", diff_ids[i].hex)) < 0)
                        return err_set(e, ENOMEM, "out of memory");
        }
        autodoc *doc = json_pack("{s:s, s:s, s:{}, s:{s:s, s:O}}", "architecture",
                                 architecture ? architecture : "unknown", "os", "linux", "config",
                                 "rootfs", "type", "layers", "diff_ids", list);
        if (!doc)
                return err_set(e, ENOMEM, "out of memory");
        return doc_write(doc, ret, e);
}
