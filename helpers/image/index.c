#include "index.h"

#include "io.h"
#include "limit.h"
#include "mem.h"
#include "oci.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char what[] = "'index.json' of the image store";

static json_t *manifests(const json_t *index)
{
        return json_object_get(index, "manifests");
}

json_t *index_load(const struct store *store, struct err *e)
{
        autofree char *text = NULL;
        size_t len;

        if (io_read_file(store->dir, "index.json", LIMIT_JSON, &text, &len, e) < 0)
                return NULL;
        autodoc *index = doc_parse(text, len, what, e);
        if (!index)
                return NULL;
        /* umoci writes null for an empty list */
        if (json_is_null(manifests(index)) &&
            json_object_set_new(index, "manifests", json_array()) < 0) {
                err_set(e, ENOMEM, "out of memory");
                return NULL;
        }
        if (!json_is_array(manifests(index))) {
                err_set(e, EINVAL, "%s is not an index", what);
                return NULL;
        }
        return json_incref(index);
}

bool index_is_damaged(const struct err *e)
{
        return e->code == EINVAL || e->code == E2BIG || e->code == EFBIG;
}

int index_save(const struct store *store, int tmp, const json_t *index, struct err *e)
{
        autofree char *text = NULL;

        if (doc_write(index, &text, e) < 0)
                return -e->code;
        return store_write(tmp, store->dir, "index.json", text, e);
}

static const char *get_name(const json_t *descriptor)
{
        const json_t *annotations = json_object_get(descriptor, "annotations");

        return json_string_value(json_object_get(annotations, OCI_ANNOTATION_NAME));
}

static const char *get_digest(const json_t *descriptor)
{
        const char *digest = json_string_value(json_object_get(descriptor, "digest"));

        return digest ? digest : "";
}

static size_t count_digest(const json_t *list, const char *digest)
{
        size_t n = 0;

        for (size_t i = 0; i < json_array_size(list); i++)
                n += str_eq(get_digest(json_array_get(list, i)), digest);
        return n;
}

int index_remove_name(json_t *index, const char *name, struct err *e)
{
        json_t *list = manifests(index);

        for (size_t i = 0; i < json_array_size(list);) {
                json_t *d = json_array_get(list, i);
                const char *own = get_name(d);

                if (!own || !str_eq(own, name)) {
                        i++;
                        continue;
                }
                if (count_digest(list, get_digest(d)) > 1) {
                        if (json_array_remove(list, i) < 0)
                                return err_set(e, ENOMEM, "out of memory");
                        continue;
                }
                json_object_del(json_object_get(d, "annotations"), OCI_ANNOTATION_NAME);
                i++;
        }
        return 0;
}

int index_remove_image(json_t *index, const struct digest *id, struct err *e)
{
        json_t *list = manifests(index);

        for (size_t i = 0; i < json_array_size(list);) {
                const char *digest = get_digest(json_array_get(list, i));

                if (!str_has_prefix(digest, "sha256:") || !str_eq(digest + 7, id->hex))
                        i++;
                else if (json_array_remove(list, i) < 0)
                        return err_set(e, ENOMEM, "out of memory");
        }
        return 0;
}

const char *index_get_name(const json_t *index, const struct digest *id, size_t n)
{
        const json_t *list = manifests(index);

        for (size_t i = 0; i < json_array_size(list); i++) {
                const json_t *d = json_array_get(list, i);
                const char *digest = get_digest(d);

                if (str_has_prefix(digest, "sha256:") && str_eq(digest + 7, id->hex) &&
                    get_name(d) && n-- == 0)
                        return get_name(d);
        }
        return NULL;
}

bool index_find_name(const json_t *index, const char *name, struct digest *ret)
{
        const json_t *list = manifests(index);
        unsigned n = 0;

        for (size_t i = 0; i < json_array_size(list); i++) {
                const json_t *d = json_array_get(list, i);
                const char *own = get_name(d);
                const char *digest = get_digest(d);

                if (!own || !str_eq(own, name) || !str_has_prefix(digest, "sha256:") ||
                    !digest_is_hex(digest + 7))
                        continue;
                snprintf(ret->hex, sizeof(ret->hex), "%s", digest + 7);
                n++;
        }
        return n == 1;
}

bool index_has_image(const json_t *index, const struct digest *id)
{
        char digest[sizeof("sha256:") + DIGEST_HEX];

        snprintf(digest, sizeof(digest), "sha256:%s", id->hex);
        return count_digest(manifests(index), digest) > 0;
}

/* The descriptor of the image that has this name (NULL: none). */
static json_t *find(const json_t *list, const char *digest, const char *name)
{
        for (size_t i = 0; i < json_array_size(list); i++) {
                json_t *d = json_array_get(list, i);
                const char *own = get_name(d);

                if (str_eq(get_digest(d), digest) && (name ? own && str_eq(own, name) : !own))
                        return d;
        }
        return NULL;
}

static int set_name(json_t *descriptor, const char *name, struct err *e)
{
        json_t *annotations = json_object_get(descriptor, "annotations");
        int r = 0;

        if (!json_is_object(annotations)) {
                annotations = json_object();
                r = json_object_set_new(descriptor, "annotations", annotations);
        }
        if (r == 0)
                r = json_object_set_new(annotations, OCI_ANNOTATION_NAME, json_string(name));
        return r == 0 ? 0 : err_set(e, ENOMEM, "out of memory");
}

int index_add(json_t *index, const struct image *image, const char *name, struct err *e)
{
        json_t *list = manifests(index);
        char digest[sizeof("sha256:") + DIGEST_HEX];

        snprintf(digest, sizeof(digest), "sha256:%s", image->id.hex);
        if (name && find(list, digest, name))
                return 0;
        if (!name && count_digest(list, digest) > 0)
                return 0;
        if (name && index_remove_name(index, name, e) < 0)
                return -e->code;
        json_t *d = find(list, digest, NULL);
        if (!d) {
                d = json_pack("{s:s, s:s, s:I}", "mediaType", image->store.manifest_type, "digest",
                              digest, "size", (json_int_t)image->store.manifest_size);
                if (json_array_append_new(list, d) < 0)
                        return err_set(e, ENOMEM, "out of memory");
        }
        return name ? set_name(d, name, e) : 0;
}

static bool is_foreign(const struct store *store, const json_t *descriptor)
{
        const char *digest = get_digest(descriptor);
        struct stat st;

        return !str_has_prefix(digest, "sha256:") || !digest_is_hex(digest + 7) ||
               fstatat(store->images, digest + 7, &st, AT_SYMLINK_NOFOLLOW) < 0;
}

int index_remove_foreign(const struct store *store, json_t *index, struct err *e)
{
        json_t *list = manifests(index);

        for (size_t i = 0; i < json_array_size(list);) {
                if (!is_foreign(store, json_array_get(list, i)))
                        i++;
                else if (json_array_remove(list, i) < 0)
                        return err_set(e, ENOMEM, "out of memory");
        }
        return 0;
}

bool index_has_foreign(const struct store *store, const json_t *index)
{
        const json_t *list = manifests(index);

        for (size_t i = 0; i < json_array_size(list); i++) {
                if (is_foreign(store, json_array_get(list, i)))
                        return true;
        }
        return false;
}
