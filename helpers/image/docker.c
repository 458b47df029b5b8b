/* The manifest.json of a docker-archive: a list of {Config, RepoTags, Layers}. */

#include "oci.h"

#include "str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char what[] = "manifest.json";

static int read_entry(const json_t *object, struct docker_entry *ret, struct err *e)
{
        const json_t *list;

        if (doc_required_string(object, "Config", what, &ret->config, e) < 0 ||
            doc_array(object, "Layers", what, &list, e) < 0)
                return -e->code;
        size_t n = json_array_size(list);
        if (n == 0)
                return err_set(e, EINVAL, "the image has no layers");
        if (n > LIMIT_LAYERS)
                return err_set(e, E2BIG, "the image has more than %u layers", LIMIT_LAYERS);
        for (size_t i = 0; i < n; i++) {
                ret->layers[i] = json_string_value(json_array_get(list, i));
                if (!ret->layers[i])
                        return err_set(e, EINVAL, "'Layers' of %s has something else than strings",
                                       what);
        }
        ret->n_layers = n;
        const json_t *tags = json_object_get(object, "RepoTags");
        ret->tag = json_array_size(tags) == 1 ? json_string_value(json_array_get(tags, 0)) : NULL;
        return 0;
}

/* Whether the entry has the tag `wanted`; its tags are put behind `tags` for an error. */
static bool has_tag(const json_t *entry, const char *wanted, char *tags, size_t size)
{
        const json_t *list = json_object_get(entry, "RepoTags");

        for (size_t i = 0; i < json_array_size(list); i++) {
                const char *tag = json_string_value(json_array_get(list, i));
                size_t used = strlen(tags);

                if (tag && wanted && str_eq(tag, wanted))
                        return true;
                if (tag)
                        snprintf(tags + used, size - used, "%s'%.80s'", used ? ", " : "", tag);
        }
        return false;
}

int docker_manifest_parse(const json_t *doc, const char *wanted, struct docker_entry *ret,
                          struct err *e)
{
        size_t n = json_array_size(doc);
        char tags[240] = "";
        const json_t *found = NULL;

        if (!json_is_array(doc) || n == 0)
                return err_set(e, EINVAL, "%s is not a list of images", what);
        for (size_t i = 0; i < n; i++) {
                const json_t *entry = json_array_get(doc, i);

                if (!json_is_object(entry))
                        return err_set(e, EINVAL, "%s has an entry that is not an object", what);
                if (!found && has_tag(entry, wanted, tags, sizeof(tags)))
                        found = entry;
        }
        if (!found && n > 1) {
                err_set(e, EINVAL, "the archive has %zu images: %s", n, tags);
                return err_hint(e, "choose one by its name: kelp import FILE NAME");
        }
        return read_entry(found ? found : json_array_get(doc, 0), ret, e);
}
