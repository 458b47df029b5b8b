/* The configuration of an image: what it wants to run, and what its layers unpack to. */

#include "oci.h"

#include "str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char what[] = "the image's configuration";

static int read_list(const json_t *config, const char *member, struct image *image,
                     enum image_list_kind kind, struct err *e)
{
        const json_t *list;

        if (doc_array(config, member, what, &list, e) < 0)
                return -e->code;
        for (size_t i = 0; i < json_array_size(list); i++) {
                const char *text = json_string_value(json_array_get(list, i));

                if (!text)
                        return err_set(e, EINVAL, "'%s' of %s has something else than strings",
                                       member, what);
                if (image_add(image, kind, text, e) < 0)
                        return -e->code;
        }
        return 0;
}

/* Builders leave entries like "" or "NAME" behind; they set nothing, in docker neither. */
static int read_env(const json_t *config, struct image *image, struct oci_config *ret,
                    struct err *e)
{
        const json_t *list;

        if (doc_array(config, "Env", what, &list, e) < 0)
                return -e->code;
        for (size_t i = 0; i < json_array_size(list); i++) {
                const char *text = json_string_value(json_array_get(list, i));

                if (!text)
                        return err_set(e, EINVAL, "'Env' of %s has something else than strings",
                                       what);
                if (*text == '=' || !strchr(text, '=')) {
                        ret->n_ignored++;
                        continue;
                }
                if (image_add(image, IMAGE_ENV, text, e) < 0)
                        return -e->code;
        }
        return 0;
}

static int read_ports(const json_t *config, struct image *image, struct oci_config *ret,
                      struct err *e)
{
        const json_t *ports;
        const char *key;
        json_t *unused;

        if (doc_object(config, "ExposedPorts", what, &ports, e) < 0)
                return -e->code;
        json_object_foreach((json_t *)ports, key, unused)
        {
                char text[32];

                /* "80" means tcp */
                snprintf(text, sizeof(text), "%.20s%s", key, strchr(key, '/') ? "" : "/tcp");
                if (image_add(image, IMAGE_EXPOSE, text, e) == 0)
                        continue;
                if (e->code != EINVAL && e->code != ERANGE)
                        return -e->code;
                ret->n_ignored++;
        }
        return 0;
}

static int read_texts(const json_t *config, struct image *image, struct err *e)
{
        const char *workdir;
        const char *user;
        const char *signal;

        if (doc_string(config, "WorkingDir", what, &workdir, e) < 0 ||
            doc_string(config, "User", what, &user, e) < 0 ||
            doc_string(config, "StopSignal", what, &signal, e) < 0)
                return -e->code;
        if (workdir && *workdir && image_set_workdir(image, workdir, e) < 0)
                return -e->code;
        if (user && *user && image_set_user(image, user, e) < 0)
                return -e->code;
        if (signal && *signal && image_set_stop_signal(image, signal, e) < 0)
                return -e->code;
        return 0;
}

static int read_run(const json_t *doc, struct image *image, struct oci_config *ret, struct err *e)
{
        const json_t *config;

        if (doc_object(doc, "config", what, &config, e) < 0)
                return -e->code;
        if (!config)
                return 0;
        if (read_env(config, image, ret, e) < 0 ||
            read_list(config, "Entrypoint", image, IMAGE_ENTRYPOINT, e) < 0 ||
            read_list(config, "Cmd", image, IMAGE_COMMAND, e) < 0 ||
            read_ports(config, image, ret, e) < 0)
                return -e->code;
        return read_texts(config, image, e);
}

static int read_diff_ids(const json_t *doc, struct oci_config *ret, struct err *e)
{
        const json_t *rootfs;
        const json_t *list;

        if (doc_object(doc, "rootfs", what, &rootfs, e) < 0)
                return -e->code;
        if (!rootfs)
                return err_set(e, EINVAL, "%s has no 'rootfs'", what);
        if (doc_array(rootfs, "diff_ids", what, &list, e) < 0)
                return -e->code;
        size_t n = json_array_size(list);
        if (n > LIMIT_LAYERS)
                return err_set(e, E2BIG, "%s has more than %u layers", what, LIMIT_LAYERS);
        for (size_t i = 0; i < n; i++) {
                const char *text = json_string_value(json_array_get(list, i));

                if (!text)
                        return err_set(e, EINVAL,
                                       "'diff_ids' of %s has something else than "
                                       "strings",
                                       what);
                if (digest_parse(text, &ret->diff_ids[i], e) < 0)
                        return -e->code;
        }
        ret->n_diff_ids = n;
        return 0;
}

static int read_platform(const json_t *doc, struct oci_config *ret, struct err *e)
{
        const char *os;
        const char *architecture;

        if (doc_string(doc, "os", what, &os, e) < 0 ||
            doc_string(doc, "architecture", what, &architecture, e) < 0)
                return -e->code;
        if (os && *os && !str_eq(os, "linux"))
                return err_set(e, EINVAL, "the image is for '%.60s', not for linux", os);
        snprintf(ret->architecture, sizeof(ret->architecture), "%.31s",
                 architecture ? architecture : "");
        return 0;
}

int oci_config_parse(const char *data, size_t len, struct image *image, struct oci_config *ret,
                     struct err *e)
{
        autodoc *doc = doc_parse(data, len, what, e);
        const char *created;

        if (!doc)
                return -e->code;
        if (!json_is_object(doc))
                return err_set(e, EINVAL, "%s is not an object", what);
        /* neither of the other two documents may pass for this one */
        if (json_object_get(doc, "manifests") || json_object_get(doc, "layers"))
                return err_set(e, EINVAL, "%s is a manifest or an index", what);
        *ret = (struct oci_config){ 0 };
        if (read_platform(doc, ret, e) < 0 || read_diff_ids(doc, ret, e) < 0 ||
            read_run(doc, image, ret, e) < 0 || doc_string(doc, "created", what, &created, e) < 0)
                return -e->code;
        return created ? image_set_created(image, created, e) : 0;
}
