/* The texts of the store: names, images, index.json. */

#include "verify.h"

#include "fd.h"
#include "index.h"
#include "io.h"
#include "limit.h"
#include "oci.h"
#include "ref.h"
#include "str.h"
#include "unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int tell(const struct worker *w, enum verify_note note, const char *what, const char *name,
                const struct err *why, struct err *e)
{
        if (why->code == ENOMEM) {
                *e = *why;
                return -e->code;
        }
        return worker_note(w, note, e, "%s '%.200s': %.*s", what, name, err_message_len(why),
                           why->text);
}

int verify_tell(const struct worker *w, const char *what, const char *name, const struct err *why,
                struct err *e)
{
        return tell(w, VERIFY_THING, what, name, why, e);
}

/* Calls `check` for each file of a directory, or for the ones that were asked for. */
typedef int check_file(const struct worker *w, const char *file, struct err *why);

struct checking {
        const struct worker *w;
        const char *what;
        check_file *check;
};

static int check_one(void *context, const char *file, struct err *e)
{
        const struct checking *c = context;
        struct err why = { 0 };

        return c->check(c->w, file, &why) < 0 ? verify_tell(c->w, c->what, file, &why, e) : 0;
}

static int has_text(int dir, const char *file, const char *wanted, struct err *why)
{
        autofree char *text = NULL;

        if (io_read_file(dir, file, LIMIT_IMAGE_TEXT, &text, NULL, why) < 0)
                return -why->code;
        return str_eq(text, wanted) ? 0
                                    : err_set(why, EINVAL, "it does not say what the image says");
}

/* ------ images ------ */

static bool is_there(int dir, const char *name, mode_t type)
{
        struct stat st;

        return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && (st.st_mode & S_IFMT) == type;
}

static int check_parts(const struct store *store, const struct image *image, struct err *why)
{
        for (size_t i = 0; i < image->store.n_blobs; i++) {
                const char *hex = image->store.blobs[i].hex;

                if (!is_there(store->blobs, hex, S_IFREG))
                        return err_set(why, ENOENT, "the blob 'sha256:%s' is missing", hex);
        }
        for (size_t i = 0; i < image->n_layers; i++) {
                const char *hex = image->layers[i].hex;

                if (!is_there(store->layers[STORE_SINGLE], hex, S_IFDIR))
                        return err_set(why, ENOENT, "the layer '%s' is missing", hex);
        }
        return 0;
}

static int describe(const struct worker *w, const struct image *found, char **ret, struct err *why)
{
        autofree struct unpack_job *job = mem_alloc(sizeof(*job), why);

        if (!job)
                return -why->code;
        job->session_layers = -1;
        job->store_blobs = w->store->blobs;
        job->store_layers = w->store->layers[STORE_SINGLE];
        int r = unpack_describe(job, &found->id, found->store.manifest_type, why);
        if (r == 0)
                r = image_write(&job->image, true, ret, why);
        unpack_done(job);
        return r;
}

static int check_image(const struct worker *w, const char *file, struct err *why)
{
        autofree char *wanted = NULL;
        autoimage image = { 0 };

        if (store_read_image(w->store->images, file, &image, why) < 0)
                return -why->code;
        if (!str_eq(image.id.hex, file))
                return err_set(why, EINVAL, "it is another image");
        if (!image.store.manifest_type)
                return err_set(why, EINVAL, "it has no manifest");
        if (check_parts(w->store, &image, why) < 0 || describe(w, &image, &wanted, why) < 0)
                return -why->code;
        return has_text(w->store->images, file, wanted, why);
}

/* ------ names and paths ------ */

/* `name`: what the file stands for, or NULL. */
static int check_policy(const struct worker *w, int dir, const char *file, const char *name,
                        struct err *why)
{
        autofree char *wanted = NULL;
        autoimage said = { 0 };
        autoimage image = { 0 };

        if (store_read_image(dir, file, &said, why) < 0)
                return -why->code;
        if (store_read_image(w->store->images, said.id.hex, &image, why) < 0)
                return err_prefix(why, "its image");
        image.name = name ? name : said.name;
        if (image_write(&image, false, &wanted, why) < 0)
                return -why->code;
        return has_text(dir, file, wanted, why);
}

static int check_name(const struct worker *w, const char *file, struct err *why)
{
        char name[REF_MAX + 1];

        if (ref_decode(file, name, why) < 0)
                return -why->code;
        return check_policy(w, w->store->names, file, name, why);
}

static int check_path(const struct worker *w, const char *file, struct err *why)
{
        if (ref_check_path_key(file, why) < 0)
                return -why->code;
        return check_policy(w, w->store->paths, file, NULL, why);
}

/* ------ index.json ------ */

/* Whose: of the image that the name's file has, or of none. */
static bool is_named(const struct worker *w, const char *name, const char *hex)
{
        struct err unused = { 0 };
        char file[NAME_MAX + 1];
        autoimage image = { 0 };

        return ref_encode(name, file, &unused) == 0 &&
               store_read_image(w->store->names, file, &image, &unused) == 0 &&
               str_eq(image.id.hex, hex);
}

static int check_descriptor(const struct worker *w, const struct oci_descriptor *d, struct err *why)
{
        struct err unused = { 0 };
        autoimage image = { 0 };
        struct stat st;

        if (fstatat(w->store->blobs, d->digest.hex, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return err_sys(why, "it has 'sha256:%s', of which there is no blob", d->digest.hex);
        if ((uint64_t)st.st_size != d->size)
                return err_set(why, EINVAL, "it has another size for 'sha256:%s'", d->digest.hex);
        /* another tool's */
        if (!is_there(w->store->images, d->digest.hex, S_IFREG))
                return 0;
        if (store_read_image(w->store->images, d->digest.hex, &image, &unused) == 0 &&
            (!image.store.manifest_type || !str_eq(image.store.manifest_type, d->media_type)))
                return err_set(why, EINVAL, "it has another type for 'sha256:%s'", d->digest.hex);
        if (d->ref_name && !is_named(w, d->ref_name, d->digest.hex))
                return err_set(why, EINVAL, "it calls 'sha256:%s' '%.100s'", d->digest.hex,
                               d->ref_name);
        return 0;
}

struct finding {
        const struct worker *w;
        const struct oci_index *index;
};

static bool has_descriptor(const struct oci_index *index, const char *hex, const char *name)
{
        for (size_t i = 0; i < index->n_entries; i++) {
                const struct oci_descriptor *d = &index->entries[i];

                if (str_eq(d->digest.hex, hex) &&
                    (!name || (d->ref_name && str_eq(d->ref_name, name))))
                        return true;
        }
        return false;
}

static int find_name(void *context, const char *file, struct err *e)
{
        const struct finding *f = context;
        struct err unused = { 0 };
        char name[REF_MAX + 1];
        autoimage image = { 0 };

        /* a damaged name was told before */
        if (ref_decode(file, name, &unused) < 0 ||
            store_read_image(f->w->store->names, file, &image, &unused) < 0 ||
            has_descriptor(f->index, image.id.hex, name))
                return 0;
        return worker_note(f->w, VERIFY_THING, e, "file 'index.json': it lacks the name '%s'",
                           name);
}

static int find_image(void *context, const char *file, struct err *e)
{
        const struct finding *f = context;

        if (has_descriptor(f->index, file, NULL))
                return 0;
        return worker_note(f->w, VERIFY_THING, e, "file 'index.json': it lacks the image '%.100s'",
                           file);
}

static int check_index(const struct worker *w, struct err *e)
{
        autofree char *text = NULL;
        struct err why = { 0 };
        autoindex index = { 0 };
        size_t len;

        autodoc *doc = index_load(w->store, &why);
        if (!doc)
                return tell(w, index_is_damaged(&why) ? VERIFY_INDEX : VERIFY_THING, "file",
                            "index.json", &why, e);
        /* of umoci, which writes null for an empty list */
        if (doc_write(doc, &text, e) < 0)
                return -e->code;
        len = strlen(text);
        if (oci_index_parse(text, len, NULL, &index, &why) < 0)
                return verify_tell(w, "file", "index.json", &why, e);
        for (size_t i = 0; i < index.n_entries; i++) {
                if (check_descriptor(w, &index.entries[i], &why) < 0 &&
                    verify_tell(w, "file", "index.json", &why, e) < 0)
                        return -e->code;
        }
        struct finding finding = { w, &index };
        if (store_list(w->store->names, find_name, &finding, e) < 0)
                return -e->code;
        return store_list(w->store->images, find_image, &finding, e);
}

static int check_layout(const struct worker *w, struct err *e)
{
        autofree char *text = NULL;
        struct err why = { 0 };
        const char *version = NULL;
        size_t len;

        if (io_read_file(w->store->dir, "oci-layout", LIMIT_JSON, &text, &len, &why) < 0)
                return verify_tell(w, "file", "oci-layout", &why, e);
        autodoc *doc = doc_parse(text, len, "it", &why);
        if (doc)
                doc_required_string(doc, "imageLayoutVersion", "it", &version, &why);
        if (version && !str_eq(version, "1.0.0"))
                err_set(&why, EINVAL, "it has an unknown version");
        return why.code ? verify_tell(w, "file", "oci-layout", &why, e) : 0;
}

/* ------ the whole ------ */

static int check_some(const struct worker *w, const struct verify_job *job, struct err *e)
{
        struct checking names = { w, "name", check_name };
        struct checking images = { w, "image", check_image };

        for (size_t i = 0; i < job->n_names; i++) {
                if (check_one(&names, job->names[i], e) < 0)
                        return -e->code;
        }
        for (size_t i = 0; i < job->n_images; i++) {
                if (check_one(&images, job->images[i].hex, e) < 0)
                        return -e->code;
        }
        return 0;
}

int verify_texts(const struct worker *w, struct worker_report *ret, struct err *e)
{
        const struct verify_job *job = w->job;
        const struct store *store = w->store;
        struct checking names = { w, "name", check_name };
        struct checking paths = { w, "path", check_path };
        struct checking images = { w, "image", check_image };

        (void)ret;
        if (!job->is_all)
                return check_some(w, job, e);
        if (check_layout(w, e) < 0 || store_list(store->names, check_one, &names, e) < 0 ||
            store_list(store->paths, check_one, &paths, e) < 0 ||
            store_list(store->images, check_one, &images, e) < 0)
                return -e->code;
        return check_index(w, e);
}
