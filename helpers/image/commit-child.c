#include "commit-child.h"

#include "commit-doc.h"
#include "diff.h"
#include "fd.h"
#include "io.h"
#include "limit.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NEW "new"

/* A small blob of the store, which must be what its name says. */
static int read_blob(const struct commit_job *job, const struct digest *d, char **ret,
                     size_t *ret_len, struct err *e)
{
        struct digest got;

        if (io_read_file(job->blobs, d->hex, LIMIT_JSON, ret, ret_len, e) < 0 ||
            digest_of(*ret, *ret_len, &got, e) < 0)
                return err_prefix(e, "the image of the sandbox");
        if (!digest_is_same(&got, d))
                return err_set(e, EIO, "'%s' in the image store is damaged", d->hex);
        return 0;
}

static int make_file(int dir, const char *name, struct err *e)
{
        int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

        return fd < 0 ? err_sys(e, "cannot make a temporary file in the image store") : fd;
}

static int write_file(int dir, const char *name, const char *text, size_t len, struct err *e)
{
        autofd fd = make_file(dir, name, e);

        if (fd < 0)
                return -e->code;
        return io_write_all(fd, text, len, "a temporary file in the image store", e);
}

static int write_blob(const struct commit_job *job, const char *text, const char *type,
                      struct oci_descriptor *ret, struct err *e)
{
        ret->media_type = type;
        ret->size = strlen(text);
        if (digest_of(text, ret->size, &ret->digest, e) < 0)
                return -e->code;
        return write_file(job->layout_blobs, ret->digest.hex, text, ret->size, e);
}

static int write_changes(const struct commit_job *job, int upper, const struct made_list *made,
                         struct diff_count *ret_count, struct tarout_result *ret, struct err *e)
{
        autofd fd = make_file(job->layout_blobs, NEW, e);
        autotarout *out = NULL;

        if (fd < 0 || tarout_open(fd, TAROUT_GZIP, "the new layer", &out, e) < 0)
                return -e->code;
        const struct diff_spec spec = {
                .upper = upper,
                .lower = { .dir = job->layers,
                           .layers = job->image->layers,
                           .n = job->image->n_layers },
                .made = made,
                .out = out,
        };
        if (diff_write(&spec, ret_count, e) < 0)
                return -e->code;
        return tarout_finish(out, ret, e);
}

static int make_layer(const struct commit_job *job, struct diff_count *ret_count,
                      struct oci_descriptor *ret, struct digest *ret_diff_id, struct err *e)
{
        automade made = { 0 };
        struct tarout_result out;
        autofd upper = openat(job->kept, "upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (upper < 0)
                return err_sys(e, "cannot open the changes of the sandbox");
        if (made_read(job->kept, &made, e) < 0 ||
            write_changes(job, upper, &made, ret_count, &out, e) < 0)
                return -e->code;
        if (renameat(job->layout_blobs, NEW, job->layout_blobs, out.packed.hex) < 0)
                return err_sys(e, "cannot name the new layer");
        *ret_diff_id = out.plain;
        *ret = (struct oci_descriptor){ .media_type = OCI_TYPE_LAYER_GZIP,
                                        .digest = out.packed,
                                        .size = out.packed_size };
        return 0;
}

/* When the newest change was made; a payload may have set a time that is still to come. */
static time_t creation_time(const struct diff_count *count)
{
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        if (count->newest.tv_sec <= 0 || count->newest.tv_sec > now.tv_sec)
                return now.tv_sec;
        return count->newest.tv_sec;
}

struct parent {
        char *manifest_text;
        char *config_text;
        size_t config_len;
        struct oci_manifest manifest;
};

static void parent_done(struct parent *p)
{
        oci_manifest_done(&p->manifest);
        mem_free_at(&p->manifest_text);
        mem_free_at(&p->config_text);
}

static int read_parent(const struct commit_job *job, struct parent *ret, struct err *e)
{
        const struct image *image = job->image;
        size_t len;

        if (read_blob(job, &image->id, &ret->manifest_text, &len, e) < 0 ||
            oci_manifest_parse(ret->manifest_text, len, image->store.manifest_type, &ret->manifest,
                               e) < 0)
                return -e->code;
        return read_blob(job, &ret->manifest.config.digest, &ret->config_text, &ret->config_len, e);
}

static int write_documents(const struct commit_job *job, const struct parent *parent,
                           const struct oci_descriptor *layer, const struct digest *diff_id,
                           time_t created, struct err *e)
{
        static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
        autofree char *config_text = NULL;
        autofree char *manifest_text = NULL;
        autofree char *index_text = NULL;
        struct oci_descriptor config = { 0 };
        struct oci_descriptor manifest = { 0 };

        if (commit_config(parent->config_text, parent->config_len, diff_id, created, &config_text,
                          e) < 0 ||
            write_blob(job, config_text, OCI_TYPE_CONFIG, &config, e) < 0 ||
            commit_manifest(&parent->manifest, &config, layer, &manifest_text, e) < 0 ||
            write_blob(job, manifest_text, OCI_TYPE_MANIFEST, &manifest, e) < 0 ||
            commit_index(&manifest, job->name, &index_text, e) < 0)
                return -e->code;
        if (write_file(job->layout, "index.json", index_text, strlen(index_text), e) < 0)
                return -e->code;
        return write_file(job->layout, "oci-layout", layout, strlen(layout), e);
}

int commit_child(const struct worker *w, struct worker_report *ret, struct err *e)
{
        const struct commit_job *job = w->job;
        __attribute__((cleanup(parent_done))) struct parent parent = { 0 };
        struct diff_count count = { 0 };
        struct oci_descriptor layer;
        struct digest diff_id;

        if (read_parent(job, &parent, e) < 0 || make_layer(job, &count, &layer, &diff_id, e) < 0 ||
            write_documents(job, &parent, &layer, &diff_id, creation_time(&count), e) < 0)
                return -e->code;
        ret->entries = count.entries;
        ret->sockets = count.sockets;
        ret->devices = count.devices;
        ret->attrs = count.attrs;
        return 0;
}
