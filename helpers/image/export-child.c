#include "export.h"

#include "commit-doc.h"
#include "fd.h"
#include "io.h"
#include "limit.h"
#include "mem.h"
#include "oci.h"
#include "stream.h"
#include "tarout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (256u << 10)

struct exporting {
        const struct export_job *job;
        struct tarout *out;
        char *manifest_text;
        size_t manifest_len;
        char *config_text;
        size_t config_len;
        struct oci_manifest manifest;
        char buffer[CHUNK];
};

static void exporting_free(struct exporting **at)
{
        struct exporting *x = *at;

        if (!x)
                return;
        tarout_free(&x->out);
        oci_manifest_done(&x->manifest);
        free(x->manifest_text);
        free(x->config_text);
        free(x);
        *at = NULL;
}

static int damaged(const struct digest *d, struct err *e)
{
        err_set(e, EIO, "'%s' in the image store is damaged", d->hex);
        return err_hint(e, "import the image again");
}

static int read_document(const struct export_job *job, const struct digest *d, char **ret,
                         size_t *ret_len, struct err *e)
{
        struct digest got;

        if (io_read_file(job->blobs, d->hex, LIMIT_JSON, ret, ret_len, e) < 0 ||
            digest_of(*ret, *ret_len, &got, e) < 0)
                return err_prefix(e, "the image");
        return digest_is_same(&got, d) ? 0 : damaged(d, e);
}

static int open_blob(const struct export_job *job, const struct digest *d, struct region *ret,
                     struct err *e)
{
        struct stat st;
        autofd fd = openat(job->blobs, d->hex, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

        if (fd < 0 || fstat(fd, &st) < 0)
                return err_sys(e, "cannot open '%s' in the image store", d->hex);
        if (!S_ISREG(st.st_mode))
                return damaged(d, e);
        *ret = (struct region){ .size = (uint64_t)st.st_size };
        return fd_take(&fd);
}

/* ------ entries: root's, and without a time ------ */

static int begin(struct exporting *x, const char *name, unsigned type, uint64_t size, struct err *e)
{
        struct archive_entry *entry = archive_entry_new();

        if (!entry)
                return err_set(e, ENOMEM, "out of memory");
        archive_entry_copy_pathname(entry, name);
        archive_entry_set_filetype(entry, type);
        archive_entry_set_perm(entry, type == AE_IFDIR ? 0755 : 0644);
        archive_entry_set_mtime(entry, 0, 0);
        archive_entry_set_size(entry, (la_int64_t)size);
        int r = tarout_entry(x->out, entry, e);
        archive_entry_free(entry);
        return r;
}

/* ------ an OCI layout ------ */

static int write_blob(struct exporting *x, const struct digest *d, struct err *e)
{
        char name[sizeof("blobs/sha256/") + DIGEST_HEX];
        autohasher hasher = { 0 };
        struct region in;
        struct digest got;
        autofd fd = open_blob(x->job, d, &in, e);

        if (fd < 0 || hasher_start(&hasher, e) < 0)
                return -e->code;
        in.fd = fd;
        snprintf(name, sizeof(name), "blobs/sha256/%s", d->hex);
        if (begin(x, name, AE_IFREG, in.size, e) < 0)
                return -e->code;
        for (uint64_t at = 0; at < in.size;) {
                ssize_t n = stream_read_region(&in, at, x->buffer, CHUNK, e);

                if (n < 0)
                        return -e->code;
                hasher_add(&hasher, x->buffer, (size_t)n);
                if (tarout_data(x->out, x->buffer, (size_t)n, e) < 0)
                        return -e->code;
                at += (uint64_t)n;
        }
        if (hasher_finish(&hasher, &got, e) < 0)
                return -e->code;
        return digest_is_same(&got, d) ? 0 : damaged(d, e);
}

static int compare_digests(const void *a, const void *b)
{
        return strcmp(((const struct digest *)a)->hex, ((const struct digest *)b)->hex);
}

static int write_blobs(struct exporting *x, struct err *e)
{
        const struct image *image = x->job->image;
        size_t n = image->store.n_blobs;
        autofree struct digest *sorted = mem_alloc(n * sizeof(*sorted), e);

        if (!sorted)
                return -e->code;
        memcpy(sorted, image->store.blobs, n * sizeof(*sorted));
        qsort(sorted, n, sizeof(*sorted), compare_digests);
        for (size_t i = 0; i < n; i++) {
                if (write_blob(x, &sorted[i], e) < 0)
                        return -e->code;
        }
        return 0;
}

static int export_oci(struct exporting *x, struct err *e)
{
        static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
        const struct image *image = x->job->image;
        const struct oci_descriptor d = { .media_type = image->store.manifest_type,
                                          .digest = image->id,
                                          .size = x->manifest_len };
        autofree char *index = NULL;

        if (commit_index(&d, x->job->name, &index, e) < 0 ||
            tarout_text(x->out, "oci-layout", layout, strlen(layout), e) < 0 ||
            tarout_text(x->out, "index.json", index, strlen(index), e) < 0 ||
            begin(x, "blobs", AE_IFDIR, 0, e) < 0 || begin(x, "blobs/sha256", AE_IFDIR, 0, e) < 0)
                return -e->code;
        return write_blobs(x, e);
}

/* ------ what `docker save` writes ------ */

/* The size of a layer without compression; and it is what it should be. */
static int measure(const struct region *in, enum packing packing, const struct digest *packed,
                   const struct digest *diff_id, uint64_t *ret, struct err *e)
{
        const struct stream_spec spec = { .in = *in, .packed_out = -1, .plain_out = -1 };
        struct stream_result got;
        autostream *stream = NULL;
        size_t len;

        if (stream_start(&spec, packing, &stream, e) < 0)
                return -e->code;
        while (stream_read(stream, &len))
                ;
        if (stream_finish(stream, &got, e) < 0)
                return -e->code;
        if (!digest_is_same(&got.packed, packed) || !digest_is_same(&got.plain, diff_id))
                return damaged(packed, e);
        *ret = got.plain_size;
        return 0;
}

static int copy_plain(struct exporting *x, const struct region *in, enum packing packing,
                      struct err *e)
{
        const struct stream_spec spec = {
                .in = *in, .packed_out = -1, .plain_out = -1, .no_digests = true
        };
        struct stream_result unused;
        autostream *stream = NULL;
        const void *block;
        size_t len;

        if (stream_start(&spec, packing, &stream, e) < 0)
                return -e->code;
        while ((block = stream_read(stream, &len))) {
                if (tarout_data(x->out, block, len, e) < 0)
                        return -e->code;
        }
        return stream_finish(stream, &unused, e);
}

static int write_layer(struct exporting *x, const struct digest *packed,
                       const struct digest *diff_id, struct err *e)
{
        char name[DIGEST_HEX + sizeof(".tar")];
        enum packing packing;
        uint64_t size = 0;
        struct region in;
        autofd fd = open_blob(x->job, packed, &in, e);

        if (fd < 0)
                return -e->code;
        in.fd = fd;
        snprintf(name, sizeof(name), "%s.tar", diff_id->hex);
        if (stream_recognise(&in, &packing, e) < 0 ||
            measure(&in, packing, packed, diff_id, &size, e) < 0 ||
            begin(x, name, AE_IFREG, size, e) < 0)
                return -e->code;
        return copy_plain(x, &in, packing, e);
}

static int docker_manifest(const struct exporting *x, const struct oci_config *config, char **ret,
                           struct err *e)
{
        autodoc *layers = json_array();
        autodoc *tags = json_array();

        for (size_t i = 0; i < config->n_diff_ids; i++) {
                if (json_array_append_new(layers, json_sprintf("%s.tar", config->diff_ids[i].hex)) <
                    0)
                        return err_set(e, ENOMEM, "out of memory");
        }
        if (x->job->name && json_array_append_new(tags, json_string(x->job->name)) < 0)
                return err_set(e, ENOMEM, "out of memory");
        autodoc *doc = json_pack("[{s:o, s:O, s:O}]", "Config",
                                 json_sprintf("%s.json", x->manifest.config.digest.hex), "RepoTags",
                                 tags, "Layers", layers);
        if (!doc)
                return err_set(e, ENOMEM, "out of memory");
        return doc_write(doc, ret, e);
}

/* The same layer may be there several times, and its file is there once. */
static bool is_written(const struct oci_config *config, size_t at)
{
        for (size_t i = 0; i < at; i++) {
                if (digest_is_same(&config->diff_ids[i], &config->diff_ids[at]))
                        return true;
        }
        return false;
}

static int export_docker(struct exporting *x, struct err *e)
{
        autofree struct oci_config *config = mem_alloc(sizeof(*config), e);
        char name[DIGEST_HEX + sizeof(".json")];
        autofree char *text = NULL;
        autoimage unused = { 0 };

        if (!config || oci_config_parse(x->config_text, x->config_len, &unused, config, e) < 0)
                return -e->code;
        if (config->n_diff_ids != x->manifest.n_layers)
                return err_set(e, EINVAL, "the image has %zu layers, but its configuration %zu",
                               x->manifest.n_layers, config->n_diff_ids);
        snprintf(name, sizeof(name), "%s.json", x->manifest.config.digest.hex);
        if (docker_manifest(x, config, &text, e) < 0 ||
            tarout_text(x->out, "manifest.json", text, strlen(text), e) < 0 ||
            tarout_text(x->out, name, x->config_text, x->config_len, e) < 0)
                return -e->code;
        for (size_t i = 0; i < config->n_diff_ids; i++) {
                if (!is_written(config, i) &&
                    write_layer(x, &x->manifest.layers[i].digest, &config->diff_ids[i], e) < 0)
                        return err_prefix(e, "layer %zu", i + 1);
        }
        return 0;
}

/* ------ the whole ------ */

static int read_documents(struct exporting *x, struct err *e)
{
        const struct image *image = x->job->image;

        if (read_document(x->job, &image->id, &x->manifest_text, &x->manifest_len, e) < 0 ||
            oci_manifest_parse(x->manifest_text, x->manifest_len, image->store.manifest_type,
                               &x->manifest, e) < 0)
                return -e->code;
        return read_document(x->job, &x->manifest.config.digest, &x->config_text, &x->config_len,
                             e);
}

int export_child(const struct worker *w, struct worker_report *ret, struct err *e)
{
        __attribute__((cleanup(exporting_free))) struct exporting *x = mem_alloc(sizeof(*x), e);
        struct tarout_result unused;

        (void)ret;
        if (!x)
                return -e->code;
        x->job = w->job;
        if (read_documents(x, e) < 0 ||
            tarout_open(x->job->out, TAROUT_NO_DIGESTS, x->job->file, &x->out, e) < 0)
                return -e->code;
        int r = x->job->format == EXPORT_OCI ? export_oci(x, e) : export_docker(x, e);
        return r < 0 ? r : tarout_finish(x->out, &unused, e);
}
