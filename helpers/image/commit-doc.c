#include "commit-doc.h"

#include "mem.h"
#include "str.h"

#include <errno.h>
#include <string.h>

static const char what[] = "the image's configuration";

/* The member `name`, made where it is missing or null. */
static json_t *need(json_t *object, const char *name, json_t *(*make)(void), struct err *e)
{
        json_t *found = json_object_get(object, name);

        if (found && !json_is_null(found))
                return found;
        if (json_object_set_new(object, name, make()) < 0) {
                err_set(e, ENOMEM, "out of memory");
                return NULL;
        }
        return json_object_get(object, name);
}

static json_t *need_array(json_t *object, const char *name, struct err *e)
{
        json_t *found = need(object, name, json_array, e);

        if (found && !json_is_array(found)) {
                err_set(e, EINVAL, "'%s' of %s is not a list", name, what);
                return NULL;
        }
        return found;
}

static int append(json_t *list, json_t *value, struct err *e)
{
        if (json_array_append_new(list, value) < 0)
                return err_set(e, ENOMEM, "out of memory");
        return 0;
}

/* How many layers a history tells of. */
static size_t count_layers(const json_t *history)
{
        size_t n = 0;

        for (size_t i = 0; i < json_array_size(history); i++)
                n += !json_is_true(json_object_get(json_array_get(history, i), "empty_layer"));
        return n;
}

static int add_history(json_t *config, size_t n_parent, const char *created, struct err *e)
{
        json_t *history = need_array(config, "history", e);

        if (!history)
                return -e->code;
        for (size_t n = count_layers(history); n < n_parent; n++) {
                if (append(history, json_pack("{s:s}", "created_by", "imported"), e) < 0)
                        return -e->code;
        }
        return append(history,
                      json_pack("{s:s, s:s}", "created", created, "created_by", "kelp commit"), e);
}

static int print_time(time_t t, char *ret, size_t size, struct err *e)
{
        struct tm tm;

        if (!gmtime_r(&t, &tm) || !strftime(ret, size, "%Y-%m-%dT%H:%M:%SZ", &tm))
                return err_set(e, ERANGE, "the time of the newest change cannot be written");
        return 0;
}

int commit_config(const char *parent, size_t len, const struct digest *diff_id, time_t created,
                  char **ret, struct err *e)
{
        autodoc *config = doc_parse(parent, len, what, e);
        char time_text[64];

        if (!config)
                return -e->code;
        if (!json_is_object(config))
                return err_set(e, EINVAL, "%s is not an object", what);
        json_t *rootfs = need(config, "rootfs", json_object, e);
        if (!rootfs)
                return -e->code;
        if (!json_is_object(rootfs))
                return err_set(e, EINVAL, "'rootfs' of %s is not an object", what);
        json_t *diff_ids = need_array(rootfs, "diff_ids", e);
        if (!diff_ids || print_time(created, time_text, sizeof(time_text), e) < 0)
                return -e->code;
        size_t n_parent = json_array_size(diff_ids);
        if (append(diff_ids, json_sprintf("sha256:%s", diff_id->hex), e) < 0 ||
            add_history(config, n_parent, time_text, e) < 0)
                return -e->code;
        if (json_object_set_new(config, "created", json_string(time_text)) < 0)
                return err_set(e, ENOMEM, "out of memory");
        return doc_write(config, ret, e);
}

/* docker's types have the same meaning under other names. */
static const char *oci_layer_type(const char *type)
{
        static const char *const names[][2] = {
                { "application/vnd.docker.image.rootfs.diff.tar", OCI_TYPE_LAYER },
                { "application/vnd.docker.image.rootfs.diff.tar.gzip", OCI_TYPE_LAYER_GZIP },
                { "application/vnd.docker.image.rootfs.diff.tar.zstd", OCI_TYPE_LAYER_ZSTD },
                /* what was not to be handed on is in the store now like any other layer */
                { "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
                  OCI_TYPE_LAYER_GZIP },
        };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                if (str_eq(type, names[i][0]))
                        return names[i][1];
        }
        return type;
}

int commit_manifest(const struct oci_manifest *parent, const struct oci_descriptor *config,
                    const struct oci_descriptor *layer, char **ret, struct err *e)
{
        size_t n = parent->n_layers;
        autofree struct oci_descriptor *layers = NULL;

        if (n + 1 > LIMIT_LAYERS)
                return err_set(e, E2BIG, "the image would have more than %u layers", LIMIT_LAYERS);
        layers = mem_alloc((n + 1) * sizeof(*layers), e);
        if (!layers)
                return -e->code;
        for (size_t i = 0; i < n; i++) {
                layers[i] = parent->layers[i];
                layers[i].media_type = oci_layer_type(layers[i].media_type);
        }
        layers[n] = *layer;
        return oci_manifest_write(config, layers, n + 1, ret, e);
}

int commit_index(const struct oci_descriptor *manifest, const char *name, char **ret, struct err *e)
{
        autodoc *d = json_pack("{s:s, s:o, s:I}", "mediaType", manifest->media_type, "digest",
                               json_sprintf("sha256:%s", manifest->digest.hex), "size",
                               (json_int_t)manifest->size);

        if (name && json_object_set_new(d, "annotations",
                                        json_pack("{s:s}", OCI_ANNOTATION_NAME, name)) < 0)
                return err_set(e, ENOMEM, "out of memory");
        autodoc *index = json_pack("{s:i, s:s, s:[O]}", "schemaVersion", 2, "mediaType",
                                   OCI_TYPE_INDEX, "manifests", d);
        if (!index)
                return err_set(e, ENOMEM, "out of memory");
        return doc_write(index, ret, e);
}
