#include "unpack.h"

#include "fd.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* ------ what all kinds need ------ */

int unpack_config(struct unpack_job *job, const char *data, size_t len, size_t n_layers,
                  struct oci_config *ret, struct err *e)
{
        const char *own = oci_architecture();

        if (oci_config_parse(data, len, &job->image, ret, e) < 0)
                return -e->code;
        if (ret->n_diff_ids != n_layers)
                return err_set(e, EINVAL, "the image has %zu layers, but its configuration %zu",
                               n_layers, ret->n_diff_ids);
        job->n_ignored = ret->n_ignored;
        if (own && ret->architecture[0] && !str_eq(ret->architecture, own))
                snprintf(job->architecture, sizeof(job->architecture), "%s", ret->architecture);
        return 0;
}

static int set_manifest(struct unpack_job *job, const char *text, size_t len, const char *type,
                        struct err *e)
{
        struct image *image = &job->image;

        if (unpack_add_blob(job, text, len, &image->id, e) < 0)
                return -e->code;
        image->store.manifest_size = len;
        image->store.manifest_type = arena_copy(&image->arena, type, e);
        image->store.size += len;
        return image->store.manifest_type ? image_add_blob(image, &image->id, e) : -e->code;
}

int unpack_count_blob(struct unpack_job *job, const struct digest *d, uint64_t size, struct err *e)
{
        job->image.store.size += size;
        return image_add_blob(&job->image, d, e);
}

static int count_blob(struct unpack_job *job, const struct oci_descriptor *d, struct err *e)
{
        return unpack_count_blob(job, &d->digest, d->size, e);
}

/* For an image that came without one: the manifest of `n` layers; sets the image's id. */
static int make_manifest(struct unpack_job *job, const char *config, size_t config_len,
                         const struct oci_descriptor *layers, size_t n, struct err *e)
{
        struct oci_descriptor d = { .media_type = OCI_TYPE_CONFIG, .size = config_len };
        autofree char *text = NULL;

        if (unpack_add_blob(job, config, config_len, &d.digest, e) < 0 ||
            oci_manifest_write(&d, layers, n, &text, e) < 0 ||
            set_manifest(job, text, strlen(text), OCI_TYPE_MANIFEST, e) < 0 ||
            count_blob(job, &d, e) < 0)
                return -e->code;
        for (size_t i = 0; i < n; i++) {
                if (count_blob(job, &layers[i], e) < 0)
                        return -e->code;
        }
        return 0;
}

/* ------ a tar of a root file system ------ */

static int unpack_rootfs(struct unpack_job *job, struct err *e)
{
        struct unpack_layer want = { .in = job->source.whole };
        struct oci_descriptor layer;
        autofree char *config = NULL;

        if (unpack_one_layer(job, &want, &layer, e) < 0 ||
            oci_config_write(job->stack, 1, &config, e) < 0)
                return -e->code;
        return make_manifest(job, config, strlen(config), &layer, 1, e);
}

/* ------ a docker-archive ------ */

static int unpack_docker_layers(struct unpack_job *job, const struct docker_entry *entry,
                                const struct oci_config *config, struct oci_descriptor *ret,
                                struct err *e)
{
        for (size_t i = 0; i < entry->n_layers; i++) {
                struct unpack_layer want = { .diff_id = &config->diff_ids[i] };
                autofd fd = -1;

                if (source_find(&job->source, entry->layers[i], &fd, &want.in, e) < 0 ||
                    unpack_one_layer(job, &want, &ret[i], e) < 0)
                        return err_prefix(e, "layer %zu", i + 1);
        }
        return 0;
}

static int unpack_docker(struct unpack_job *job, struct err *e)
{
        autofree char *manifest = NULL;
        autofree char *config_text = NULL;
        autofree struct oci_config *config = mem_alloc(sizeof(*config), e);
        autofree struct oci_descriptor *layers = NULL;
        struct docker_entry entry = { 0 };
        size_t len;

        if (!config ||
            source_read(&job->source, "manifest.json", LIMIT_JSON, &manifest, &len, e) < 0)
                return -e->code;
        autodoc *doc = doc_parse(manifest, len, "manifest.json", e);
        if (!doc || docker_manifest_parse(doc, job->wanted, &entry, e) < 0)
                return -e->code;
        struct err unused = { 0 };
        if (entry.tag && ref_parse(entry.tag, job->tag, &unused) < 0)
                job->tag[0] = '\0';
        if (source_read(&job->source, entry.config, LIMIT_JSON, &config_text, &len, e) < 0 ||
            unpack_config(job, config_text, len, entry.n_layers, config, e) < 0)
                return -e->code;
        layers = mem_alloc(entry.n_layers * sizeof(*layers), e);
        if (!layers || unpack_docker_layers(job, &entry, config, layers, e) < 0)
                return -e->code;
        return make_manifest(job, config_text, len, layers, entry.n_layers, e);
}

/* ------ an OCI layout ------ */

/* Reads a small blob whose size and digest must be those of its descriptor. */
static int read_blob(struct unpack_job *job, const struct oci_descriptor *d, const char *what,
                     char **ret_data, struct err *e)
{
        struct digest got;
        struct region in;
        autofd fd = -1;

        if (d->size > LIMIT_JSON)
                return err_set(e, EFBIG, "%s is larger than %u bytes", what, LIMIT_JSON);
        if (unpack_find_blob(job, &d->digest, &fd, &in, e) < 0 ||
            source_read_region(&in, "blob", LIMIT_JSON, ret_data, e) < 0 ||
            digest_of(*ret_data, (size_t)in.size, &got, e) < 0)
                return err_prefix(e, "%s", what);
        if (in.size != d->size || !digest_is_same(&got, &d->digest))
                return err_set(e, EINVAL, "%s 'sha256:%s' is damaged: its digest is '%s'", what,
                               d->digest.hex, got.hex);
        return 0;
}

static bool is_for_this_machine(const struct oci_descriptor *d)
{
        const char *own = oci_architecture();

        if (!d->architecture)
                return true;
        return own && str_eq(d->os, "linux") && str_eq(d->architecture, own);
}

/* Whether the entry is the one that the user named: by the whole name or by its tag alone. */
static bool is_wanted(const struct unpack_job *job, const struct oci_descriptor *d)
{
        const char *colon = job->wanted ? strrchr(job->wanted, ':') : NULL;

        return colon && d->ref_name &&
               (str_eq(d->ref_name, job->wanted) || str_eq(d->ref_name, colon + 1));
}

static int no_choice(const struct unpack_job *job, const struct oci_index *index, size_t n,
                     struct err *e)
{
        char names[240] = "";

        for (size_t i = 0; i < index->n_entries; i++) {
                size_t used = strlen(names);

                if (index->entries[i].ref_name)
                        snprintf(names + used, sizeof(names) - used, "%s'%.80s'", used ? ", " : "",
                                 index->entries[i].ref_name);
        }
        const char *tag = job->wanted ? strrchr(job->wanted, ':') : NULL;
        /* which stands where nobody has written one */
        if (tag && !str_eq(tag, ":latest"))
                err_set(e, EINVAL, "the layout has no tag '%s' among its %zu images: %s", tag + 1,
                        n, names);
        else
                err_set(e, EINVAL, "the layout has %zu images: %s", n, names);
        return err_hint(e, "choose one by its tag: kelp import FILE NAME:TAG");
}

static int choose(const struct unpack_job *job, const struct oci_index *index, bool is_top,
                  const struct oci_descriptor **ret, struct err *e)
{
        const char *own = oci_architecture();
        const struct oci_descriptor *found = NULL;
        size_t n = 0;

        for (size_t i = 0; i < index->n_entries; i++) {
                const struct oci_descriptor *d = &index->entries[i];

                if (!is_for_this_machine(d))
                        continue;
                if (is_top && is_wanted(job, d)) {
                        *ret = d;
                        return 0;
                }
                /* the same manifest under two tags is one image */
                if (!found || !digest_is_same(&found->digest, &d->digest))
                        n++;
                if (!found)
                        found = d;
        }
        if (!found)
                return err_set(e, ENOENT, "the layout has no image for linux/%s",
                               own ? own : "this machine");
        /* below the top the entries differ in what they need; the first one is the plainest */
        if (is_top && n > 1)
                return no_choice(job, index, n, e);
        *ret = found;
        return 0;
}

/* index.json, and one index below it at most. */
static int find_manifest(struct unpack_job *job, struct oci_descriptor *ret, char **ret_text,
                         struct err *e)
{
        autofree char *top_text = NULL;
        autofree char *text = NULL;
        autoindex top = { 0 };
        autoindex nested = { 0 };
        const struct oci_descriptor *d;
        size_t len;

        if (source_read(&job->source, "index.json", LIMIT_JSON, &top_text, &len, e) < 0 ||
            oci_index_parse(top_text, len, NULL, &top, e) < 0 || choose(job, &top, true, &d, e) < 0)
                return -e->code;
        if (oci_is_index_type(d->media_type)) {
                if (read_blob(job, d, "the index", &text, e) < 0 ||
                    oci_index_parse(text, d->size, d->media_type, &nested, e) < 0 ||
                    choose(job, &nested, false, &d, e) < 0)
                        return -e->code;
                if (oci_is_index_type(d->media_type))
                        return err_set(e, EINVAL, "the layout has an index in an index");
        }
        if (read_blob(job, d, "the manifest", ret_text, e) < 0)
                return -e->code;
        ret->digest = d->digest;
        ret->size = d->size;
        ret->media_type = arena_copy(&job->image.arena, d->media_type, e);
        return ret->media_type ? 0 : -e->code;
}

static int unpack_oci_layers(struct unpack_job *job, const struct oci_manifest *manifest,
                             const struct oci_config *config, struct err *e)
{
        for (size_t i = 0; i < manifest->n_layers; i++) {
                const struct oci_descriptor *d = &manifest->layers[i];
                struct unpack_layer want = { .packed = &d->digest,
                                             .packed_size = d->size,
                                             .diff_id = &config->diff_ids[i] };
                struct oci_descriptor unused;
                autofd fd = -1;

                if (unpack_find_blob(job, &d->digest, &fd, &want.in, e) < 0 ||
                    unpack_one_layer(job, &want, &unused, e) < 0)
                        return err_prefix(e, "layer %zu", i + 1);
                if (count_blob(job, d, e) < 0)
                        return -e->code;
        }
        return 0;
}

static bool has_image(const struct unpack_job *job, const struct digest *id)
{
        struct stat st;

        return job->store_images >= 0 &&
               fstatat(job->store_images, id->hex, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int unpack_oci(struct unpack_job *job, struct err *e)
{
        autofree char *text = NULL;
        autofree char *config_text = NULL;
        autofree struct oci_config *config = mem_alloc(sizeof(*config), e);
        struct oci_descriptor d = { 0 };
        automanifest manifest = { 0 };
        struct digest unused;

        if (!config || find_manifest(job, &d, &text, e) < 0 ||
            oci_manifest_parse(text, d.size, d.media_type, &manifest, e) < 0 ||
            read_blob(job, &manifest.config, "the configuration", &config_text, e) < 0 ||
            unpack_config(job, config_text, manifest.config.size, manifest.n_layers, config, e) < 0)
                return -e->code;
        job->is_known = has_image(job, &d.digest);
        if (set_manifest(job, text, d.size, d.media_type, e) < 0 ||
            unpack_add_blob(job, config_text, manifest.config.size, &unused, e) < 0 ||
            count_blob(job, &manifest.config, e) < 0)
                return -e->code;
        return unpack_oci_layers(job, &manifest, config, e);
}

/* ------ the whole ------ */

static bool is_opaque(const struct unpack_job *job, const struct digest *layer)
{
        char value[2];
        autofd fd = openat(job->session_layers, layer->hex, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                fd = openat(job->store_layers, layer->hex, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd >= 0 && fgetxattr(fd, "user.overlay.opaque", value, sizeof(value)) == 1 &&
               value[0] == 'y';
}

/*
 * The layers to mount.  overlayfs merges the roots of all layers even where one is opaque: what
 * lies below such a one is left out.
 */
int unpack_set_layers(struct unpack_job *job, struct err *e)
{
        size_t start = job->n_stack;

        while (start > 0 && !is_opaque(job, &job->stack[start - 1]))
                start--;
        for (size_t i = start ? start - 1 : 0; i < job->n_stack; i++) {
                if (image_add_layer(&job->image, &job->stack[i], e) < 0)
                        return -e->code;
        }
        return 0;
}

int unpack_run(struct unpack_job *job, struct err *e)
{
        static int (*const kinds[])(struct unpack_job *, struct err *) = {
                [SOURCE_ROOTFS] = unpack_rootfs,
                [SOURCE_DOCKER] = unpack_docker,
                [SOURCE_OCI] = unpack_oci,
        };

        if (source_open(&job->source, job->input, job->session, e) < 0)
                return -e->code;
        if (kinds[job->source.kind](job, e) < 0)
                return -e->code;
        return unpack_set_layers(job, e);
}

void unpack_done(struct unpack_job *job)
{
        source_done(&job->source);
        image_done(&job->image);
}
