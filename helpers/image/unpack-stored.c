/* An image of the store again, from its blobs. */

#include "unpack.h"

#include "fd.h"
#include "io.h"

#include <errno.h>

/* A document; what it is must be what its name says. */
static int read_blob(const struct unpack_job *job, const struct digest *d, char **ret_data,
                     size_t *ret_len, struct err *e)
{
        struct digest got;

        if (io_read_file(job->store_blobs, d->hex, LIMIT_JSON, ret_data, ret_len, e) < 0 ||
            digest_of(*ret_data, *ret_len, &got, e) < 0)
                return -e->code;
        if (!digest_is_same(&got, d))
                return err_set(e, EINVAL, "the blob 'sha256:%s' is damaged: its digest is '%s'",
                               d->hex, got.hex);
        return 0;
}

static bool is_mounted(const struct image *image, const struct digest *layer)
{
        for (size_t i = 0; i < image->n_layers; i++) {
                if (digest_is_same(&image->layers[i], layer))
                        return true;
        }
        return false;
}

static int unpack_layer(struct unpack_job *job, const struct image *image,
                        const struct oci_descriptor *d, const struct digest *diff_id, struct err *e)
{
        struct unpack_layer want = { .packed = &d->digest,
                                     .packed_size = d->size,
                                     .diff_id = diff_id };
        struct oci_descriptor unused;
        struct digest chain;
        autofd fd = -1;

        if (unpack_chain(job, diff_id, &chain, e) < 0)
                return -e->code;
        /* what lies below an opaque root is not unpacked in either mode */
        if (!is_mounted(image, &chain)) {
                unpack_skip_layer(job, &chain);
                return 0;
        }
        if (unpack_has_layer(job, &chain))
                return unpack_push_layer(job, &chain, e);
        if (unpack_open_blob(job->store_blobs, &d->digest, &fd, &want.in, e) < 0)
                return -e->code;
        return unpack_one_layer(job, &want, &unused, e);
}

int unpack_stored(struct unpack_job *job, const struct image *image, struct err *e)
{
        autofree char *text = NULL;
        autofree char *config_text = NULL;
        autofree struct oci_config *config = mem_alloc(sizeof(*config), e);
        automanifest manifest = { 0 };
        size_t len;

        if (!config || read_blob(job, &image->id, &text, &len, e) < 0 ||
            oci_manifest_parse(text, len, image->store.manifest_type, &manifest, e) < 0 ||
            read_blob(job, &manifest.config.digest, &config_text, &len, e) < 0 ||
            unpack_config(job, config_text, len, manifest.n_layers, config, e) < 0)
                return -e->code;
        for (size_t i = 0; i < manifest.n_layers; i++) {
                if (unpack_layer(job, image, &manifest.layers[i], &config->diff_ids[i], e) < 0)
                        return err_prefix(e, "layer %zu", i + 1);
        }
        return 0;
}

static int count_blobs(struct unpack_job *job, const struct digest *id, size_t manifest_size,
                       const struct oci_manifest *manifest, struct err *e)
{
        if (unpack_count_blob(job, id, manifest_size, e) < 0 ||
            unpack_count_blob(job, &manifest->config.digest, manifest->config.size, e) < 0)
                return -e->code;
        for (size_t i = 0; i < manifest->n_layers; i++) {
                if (unpack_count_blob(job, &manifest->layers[i].digest, manifest->layers[i].size,
                                      e) < 0)
                        return -e->code;
        }
        return 0;
}

int unpack_describe(struct unpack_job *job, const struct digest *id, const char *manifest_type,
                    struct err *e)
{
        struct image *image = &job->image;
        autofree char *text = NULL;
        autofree char *config_text = NULL;
        autofree struct oci_config *config = mem_alloc(sizeof(*config), e);
        automanifest manifest = { 0 };
        size_t manifest_len;
        size_t len;

        if (!config || read_blob(job, id, &text, &manifest_len, e) < 0 ||
            oci_manifest_parse(text, manifest_len, manifest_type, &manifest, e) < 0 ||
            read_blob(job, &manifest.config.digest, &config_text, &len, e) < 0 ||
            unpack_config(job, config_text, len, manifest.n_layers, config, e) < 0 ||
            count_blobs(job, id, manifest_len, &manifest, e) < 0)
                return -e->code;
        image->id = *id;
        image->store.manifest_size = manifest_len;
        image->store.manifest_type = arena_copy(&image->arena, manifest_type, e);
        if (!image->store.manifest_type)
                return -e->code;
        for (size_t i = 0; i < config->n_diff_ids; i++) {
                struct digest chain;

                if (unpack_chain(job, &config->diff_ids[i], &chain, e) < 0 ||
                    unpack_push_layer(job, &chain, e) < 0)
                        return -e->code;
        }
        return unpack_set_layers(job, e);
}
