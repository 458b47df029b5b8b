/* One layer of an image: what the store has is not written again. */

#include "unpack.h"

#include "fd.h"
#include "io.h"
#include "same.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NEW "new"

static bool is_in(int first, int second, const struct digest *d)
{
        struct stat st;

        return fstatat(first, d->hex, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
               fstatat(second, d->hex, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool has_blob(const struct unpack_job *job, const struct digest *d)
{
        return is_in(job->session_blobs, job->store_blobs, d);
}

bool unpack_has_layer(const struct unpack_job *job, const struct digest *chain)
{
        return is_in(job->session_layers, job->store_layers, chain);
}

int unpack_chain(const struct unpack_job *job, const struct digest *diff_id, struct digest *ret,
                 struct err *e)
{
        char text[2 * (sizeof("sha256:") + DIGEST_HEX)];

        if (!job->has_chain) {
                *ret = *diff_id;
                return 0;
        }
        int n = snprintf(text, sizeof(text), "sha256:%s sha256:%s", job->chain.hex, diff_id->hex);
        return digest_of(text, (size_t)n, ret, e);
}

/* ------ blobs of a layout ------ */

struct blob_name {
        char text[sizeof("blobs/sha256/") + DIGEST_HEX];
};

static struct blob_name blob_name(const struct digest *d)
{
        struct blob_name name;

        snprintf(name.text, sizeof(name.text), "blobs/sha256/%s", d->hex);
        return name;
}

int unpack_open_blob(int dir, const struct digest *d, int *ret_fd, struct region *ret,
                     struct err *e)
{
        autofd fd = openat(dir, d->hex, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        struct stat st;

        if (fd < 0)
                return err_sys(e, "cannot open the blob 'sha256:%s'", d->hex);
        if (fstat(fd, &st) < 0)
                return err_sys(e, "cannot stat the blob 'sha256:%s'", d->hex);
        if (!S_ISREG(st.st_mode))
                return err_set(e, EINVAL, "the blob 'sha256:%s' is not a file", d->hex);
        *ret = (struct region){ .fd = fd, .size = (uint64_t)st.st_size };
        *ret_fd = fd_take(&fd);
        return 0;
}

/* In the layout; else moved out of it already, or never fetched because the store has it. */
int unpack_find_blob(const struct unpack_job *job, const struct digest *d, int *ret_fd,
                     struct region *ret, struct err *e)
{
        struct blob_name name = blob_name(d);
        struct stat st;

        if (!job->takes_blobs || fstatat(job->input, name.text, &st, AT_SYMLINK_NOFOLLOW) == 0)
                return source_find(&job->source, name.text, ret_fd, ret, e);
        if (fstatat(job->session_blobs, d->hex, &st, AT_SYMLINK_NOFOLLOW) == 0)
                return unpack_open_blob(job->session_blobs, d, ret_fd, ret, e);
        return unpack_open_blob(job->store_blobs, d, ret_fd, ret, e);
}

/* After its digest was checked. */
static int move_blob(const struct unpack_job *job, const struct digest *d, struct err *e)
{
        struct blob_name name = blob_name(d);

        if (renameat2(job->input, name.text, job->session_blobs, d->hex, RENAME_NOREPLACE) < 0)
                return err_sys(e, "cannot move the blob 'sha256:%s'", d->hex);
        return 0;
}

/* ------ layers ------ */

static int open_in_layer(const struct unpack_job *job, const struct digest *layer, const char *path)
{
        struct open_how how = {
                .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
        };
        char text[DIGEST_HEX + 1 + LIMIT_PATH + 1];
        struct stat st;
        bool is_new = fstatat(job->session_layers, layer->hex, &st, AT_SYMLINK_NOFOLLOW) == 0;

        snprintf(text, sizeof(text), "%s/%s", layer->hex, path);
        return (int)syscall(SYS_openat2, is_new ? job->session_layers : job->store_layers, text,
                            &how, sizeof(how));
}

/* What the layers below show at `path`: the topmost one that has something there decides. */
static bool find_lower(void *context, const char *path, struct stat *ret)
{
        const struct unpack_job *job = context;

        for (size_t i = job->n_stack; i > 0; i--) {
                autofd fd = open_in_layer(job, &job->stack[i - 1], path);

                if (fd < 0 && errno == ENOENT)
                        continue;
                return fd >= 0 && fstat(fd, ret) == 0 && S_ISDIR(ret->st_mode);
        }
        return false;
}

static int open_new_file(int dir, struct err *e)
{
        int fd = openat(dir, NEW, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

        if (fd < 0)
                return err_sys(e, "cannot make a file in the image store");
        return fd;
}

static int open_new_layer(const struct unpack_job *job, struct err *e)
{
        if (mkdirat(job->session_layers, NEW, 0755) < 0)
                return err_sys(e, "cannot make a layer's directory in the image store");
        int fd = openat(job->session_layers, NEW, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return err_sys(e, "cannot open a layer's directory in the image store");
        return fd;
}

static int put_new(int dir, const struct digest *d, struct err *e)
{
        if (renameat2(dir, NEW, dir, d->hex, RENAME_NOREPLACE) == 0)
                return 0;
        return err_sys(e, "cannot name '%s' in the image store", d->hex);
}

/* A blob that came out to be one that is there already is dropped. */
static int keep_blob(struct unpack_job *job, const struct digest *d, struct err *e)
{
        if (!has_blob(job, d))
                return put_new(job->session_blobs, d, e);
        if (unlinkat(job->session_blobs, NEW, 0) < 0)
                return err_sys(e, "cannot remove a blob that is there twice");
        return 0;
}

/* The same for a layer: its directory stays unnamed in the session, which is removed as a whole. */
static int keep_layer(struct unpack_job *job, const struct digest *d, struct err *e)
{
        char name[32];

        if (!unpack_has_layer(job, d))
                return put_new(job->session_layers, d, e) < 0 ||
                                       put_new(job->session_records, d, e) < 0
                               ? -e->code
                               : 0;
        if (unlinkat(job->session_records, NEW, 0) < 0)
                return err_sys(e, "cannot remove the record of a layer that is there twice");
        snprintf(name, sizeof(name), "twice.%zu", job->n_stack);
        if (renameat2(job->session_layers, NEW, job->session_layers, name, RENAME_NOREPLACE) < 0)
                return err_sys(e, "cannot put a layer aside that is there twice");
        return 0;
}

static int check_result(const struct unpack_layer *want, const struct stream_result *got,
                        struct err *e)
{
        if (want->packed && !digest_is_same(want->packed, &got->packed))
                return err_set(e, EINVAL, "the layer 'sha256:%s' is damaged: its digest is '%s'",
                               want->packed->hex, got->packed.hex);
        if (want->diff_id && !digest_is_same(want->diff_id, &got->plain))
                return err_set(e, EINVAL,
                               "the layer with the diff-id 'sha256:%s' is damaged: its "
                               "diff-id is '%s'",
                               want->diff_id->hex, got->plain.hex);
        return 0;
}

static const char *layer_type(enum packing packing)
{
        switch (packing) {
        case PACKING_GZIP:
                return OCI_TYPE_LAYER_GZIP;
        case PACKING_ZSTD:
                return OCI_TYPE_LAYER_ZSTD;
        case PACKING_XZ:
        case PACKING_NONE:
        case PACKING_OTHER:
                break;
        }
        return OCI_TYPE_LAYER;
}

void unpack_skip_layer(struct unpack_job *job, const struct digest *chain)
{
        job->chain = *chain;
        job->has_chain = true;
}

int unpack_push_layer(struct unpack_job *job, const struct digest *chain, struct err *e)
{
        if (job->n_stack == LIMIT_LAYERS)
                return err_set(e, E2BIG, "the image has more than %u layers", LIMIT_LAYERS);
        job->stack[job->n_stack++] = *chain;
        unpack_skip_layer(job, chain);
        return 0;
}

/*
 * Which of the two streams becomes the blob.  OCI has no layers compressed with xz: where the
 * image does not already refer to one by its digest, the uncompressed form is stored.
 */
struct blob_plan {
        bool is_needed;
        bool is_plain;
        bool is_moved; /* and not copied */
};

static struct blob_plan plan_blob(const struct unpack_job *job, const struct unpack_layer *want,
                                  enum packing packing)
{
        bool is_needed = !want->packed || !has_blob(job, want->packed);

        return (struct blob_plan){
                .is_needed = is_needed,
                .is_plain = !want->packed && packing == PACKING_XZ,
                .is_moved = is_needed && job->takes_blobs,
        };
}

/* Without a directory to write to where there is one already: then it is read for its digests. */
static int read_layer(struct unpack_job *job, const struct unpack_layer *want, bool has_dir,
                      enum packing packing, struct blob_plan plan, struct stream_result *ret,
                      struct err *e)
{
        bool is_copied = plan.is_needed && !plan.is_moved;
        autofd blob = is_copied ? open_new_file(job->session_blobs, e) : -1;
        autofd dir = has_dir ? -1 : open_new_layer(job, e);
        autofd record = has_dir ? -1 : open_new_file(job->session_records, e);

        if ((is_copied && blob < 0) || (!has_dir && (dir < 0 || record < 0)))
                return -e->code;
        const struct layer_spec spec = {
                .in = want->in,
                .packing = packing,
                .dir = dir,
                .maps = job->maps,
                .scratch = job->session,
                .record_out = record,
                .lower = find_lower,
                .lower_context = job,
                .packed_out = plan.is_plain ? -1 : blob,
                .plain_out = plan.is_plain ? blob : -1,
                .must_end = !want->packed && !want->diff_id,
        };
        if (layer_unpack(&spec, &job->count, ret, e) < 0 || check_result(want, ret, e) < 0)
                return -e->code;
        if (plan.is_moved)
                return move_blob(job, want->packed, e);
        if (plan.is_needed)
                return keep_blob(job, plan.is_plain ? &ret->plain : &ret->packed, e);
        return 0;
}

static int digest_packed(const struct region *in, struct digest *ret, struct err *e)
{
        const size_t chunk = 256u << 10;
        autofree char *buffer = mem_alloc(chunk, e);
        autohasher hasher = { 0 };

        if (!buffer || hasher_start(&hasher, e) < 0)
                return -e->code;
        for (uint64_t at = 0; at < in->size;) {
                ssize_t n = stream_read_region(in, at, buffer, chunk, e);
                if (n < 0)
                        return -e->code;
                hasher_add(&hasher, buffer, (size_t)n);
                at += (uint64_t)n;
        }
        return hasher_finish(&hasher, ret, e);
}

/* Whether the bytes are those of the blob that has this digest; never of a blob against itself. */
static int is_our_blob(const struct unpack_job *job, const struct unpack_layer *want, bool *ret,
                       struct err *e)
{
        struct stat st;
        bool is_new = fstatat(job->session_blobs, want->packed->hex, &st, AT_SYMLINK_NOFOLLOW) == 0;
        struct region ours;
        struct stat given;
        autofd fd = -1;

        *ret = false;
        if (unpack_open_blob(is_new ? job->session_blobs : job->store_blobs, want->packed, &fd,
                             &ours, e) < 0)
                return -e->code;
        if (fstat(fd, &st) < 0 || fstat(want->in.fd, &given) < 0)
                return err_sys(e, "cannot stat a layer");
        if (st.st_dev == given.st_dev && st.st_ino == given.st_ino)
                return 0;
        return same_bytes(&want->in, &ours, ret, e);
}

/*
 * A layer of an image that the store has is not decompressed again: that its blob holds what its
 * diff-id says was seen when the image came.  (Of another image that names both it was not: it could
 * put the digest of somebody's layer beside a blob of its own.)  But it is read: an image that names
 * the digests of another one's layers without having them must not get to see them.  The digest of
 * our blob was checked when it came, so to have its bytes is to have its digest; and where ours is
 * damaged, the digest tells that theirs is not.
 */
static int check_packed(const struct unpack_job *job, const struct unpack_layer *want,
                        struct err *e)
{
        struct stream_result got = { .plain = *want->diff_id };
        bool is_ours;

        if (is_our_blob(job, want, &is_ours, e) < 0)
                return -e->code;
        if (is_ours)
                return 0;
        if (digest_packed(&want->in, &got.packed, e) < 0)
                return -e->code;
        return check_result(want, &got, e);
}

/* Nobody has a layer of an image in a file of its own: the image as a whole is to be changed. */
static int hint_layer(const struct unpack_layer *want, struct err *e)
{
        if (e->code == DECODE_MEMORY_ERROR && (want->packed || want->diff_id))
                err_hint(e, "skopeo copy --dest-compress-format gzip IMAGE oci:DIRECTORY:TAG");
        return -e->code;
}

/* Reads it, and puts it where it belongs. */
static int add_layer(struct unpack_job *job, const struct unpack_layer *want,
                     const struct digest *chain, struct oci_descriptor *ret, struct err *e)
{
        bool has_dir = chain && unpack_has_layer(job, chain);
        struct stream_result got;
        struct digest own;
        enum packing packing;

        if (stream_recognise(&want->in, &packing, e) < 0)
                return -e->code;
        struct blob_plan plan = plan_blob(job, want, packing);
        if (read_layer(job, want, has_dir, packing, plan, &got, e) < 0)
                return hint_layer(want, e);
        if (unpack_chain(job, &got.plain, &own, e) < 0 ||
            (!has_dir && keep_layer(job, &own, e) < 0))
                return -e->code;
        *ret = (struct oci_descriptor){
                .media_type = layer_type(packing),
                .digest = plan.is_plain ? got.plain : got.packed,
                .size = plan.is_plain ? got.plain_size : want->in.size,
        };
        return unpack_push_layer(job, &own, e);
}

int unpack_one_layer(struct unpack_job *job, const struct unpack_layer *want,
                     struct oci_descriptor *ret, struct err *e)
{
        struct digest chain;

        if (want->packed && want->in.size != want->packed_size)
                return err_set(e, EINVAL, "the layer 'sha256:%s' has the wrong size",
                               want->packed->hex);
        if (want->diff_id && unpack_chain(job, want->diff_id, &chain, e) < 0)
                return -e->code;
        if (!job->is_known || !want->packed || !want->diff_id || !has_blob(job, want->packed) ||
            !unpack_has_layer(job, &chain))
                return add_layer(job, want, want->diff_id ? &chain : NULL, ret, e);
        if (check_packed(job, want, e) < 0)
                return -e->code;
        *ret = (struct oci_descriptor){ .digest = *want->packed, .size = want->in.size };
        return unpack_push_layer(job, &chain, e);
}

int unpack_add_blob(struct unpack_job *job, const char *data, size_t len, struct digest *ret,
                    struct err *e)
{
        autofd fd = -1;

        if (digest_of(data, len, ret, e) < 0)
                return -e->code;
        fd = open_new_file(job->session_blobs, e);
        if (fd < 0 || io_write_all(fd, data, len, "a blob in the image store", e) < 0)
                return -e->code;
        return keep_blob(job, ret, e);
}
