#include "remove.h"

#include "catalog.h"
#include "fd.h"
#include "index.h"
#include "kept.h"
#include "mem.h"
#include "ref.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define SHORTEST_ID 12

struct removal {
        const struct store *store;
        struct catalog catalog;
        bool *names; /* which of the catalog's go */
        bool *paths;
        bool *images;
};

/* ------ what was meant ------ */

/* As a name is typed: without the tag that needs no typing. */
static const char *short_name(struct arena *arena, const char *name, struct err *e)
{
        size_t len = strlen(name);

        if (str_has_suffix(name, ":latest"))
                len -= strlen(":latest");
        return arena_copy_n(arena, name, len, e);
}

static int unknown(struct removal *r, const char *arg, struct err *e)
{
        struct catalog *c = &r->catalog;
        autofree const char **names = mem_alloc((c->n_names + 1) * sizeof(*names), e);

        if (!names)
                return -e->code;
        for (size_t i = 0; i < c->n_names; i++) {
                names[i] = short_name(&c->arena, c->names[i].name, e);
                if (!names[i])
                        return -e->code;
        }
        const char *nearest = str_nearest(arg, names);
        err_set(e, ENOENT, "there is no image '%.200s'", arg);
        if (nearest)
                return err_hint(e, "did you mean '%.100s'?", nearest);
        return err_hint(e, "`kelp images` lists the images");
}

static bool mark_name(struct removal *r, const char *arg)
{
        char whole[REF_MAX + 1];
        struct err unused = { 0 };

        if (ref_parse(arg, whole, &unused) < 0)
                return false;
        for (size_t i = 0; i < r->catalog.n_names; i++) {
                if (str_eq(r->catalog.names[i].name, whole)) {
                        r->names[i] = true;
                        return true;
                }
        }
        return false;
}

static void mark_image(struct removal *r, size_t at)
{
        const struct catalog *c = &r->catalog;
        const struct digest *id = &c->images[at].image.id;

        for (size_t i = 0; i < c->n_names; i++)
                r->names[i] = r->names[i] || digest_is_same(&c->names[i].id, id);
        for (size_t i = 0; i < c->n_paths; i++)
                r->paths[i] = r->paths[i] || digest_is_same(&c->paths[i].id, id);
        r->images[at] = true;
}

static int mark_id(struct removal *r, const char *arg, struct err *e)
{
        const char *hex = str_has_prefix(arg, "sha256:") ? arg + strlen("sha256:") : arg;
        size_t len = strlen(hex);
        size_t found = SIZE_MAX;

        if (len < SHORTEST_ID || strspn(hex, "0123456789abcdef") != len)
                return unknown(r, arg, e);
        for (size_t i = 0; i < r->catalog.n_images; i++) {
                if (!str_has_prefix(r->catalog.images[i].image.id.hex, hex))
                        continue;
                if (found != SIZE_MAX)
                        return err_set(e, EINVAL, "more than one image has an id with '%s'", hex);
                found = i;
        }
        if (found == SIZE_MAX)
                return unknown(r, arg, e);
        mark_image(r, found);
        return 0;
}

static bool is_referred_to(const struct catalog_name *list, const bool *gone, size_t n,
                           const struct digest *id)
{
        for (size_t i = 0; i < n; i++) {
                if (!gone[i] && digest_is_same(&list[i].id, id))
                        return true;
        }
        return false;
}

/* Images whose last name goes now go with it; those that never had one stay. */
static void mark_orphans(struct removal *r)
{
        const struct catalog *c = &r->catalog;

        for (size_t i = 0; i < c->n_images; i++) {
                const struct digest *id = &c->images[i].image.id;
                bool loses_name = false;

                for (size_t j = 0; j < c->n_names; j++)
                        loses_name |= r->names[j] && digest_is_same(&c->names[j].id, id);
                if (loses_name && !is_referred_to(c->names, r->names, c->n_names, id) &&
                    !is_referred_to(c->paths, r->paths, c->n_paths, id))
                        r->images[i] = true;
        }
}

/* ------ what can go ------ */

static bool has_digest(const struct digest *list, size_t n, const struct digest *d)
{
        for (size_t i = 0; i < n; i++) {
                if (digest_is_same(&list[i], d))
                        return true;
        }
        return false;
}

static bool is_layer_kept(const struct removal *r, const struct digest *layer)
{
        for (size_t i = 0; i < r->catalog.n_images; i++) {
                const struct image *image = &r->catalog.images[i].image;

                if (!r->images[i] && has_digest(image->layers, image->n_layers, layer))
                        return true;
        }
        return false;
}

static bool is_blob_kept(const struct removal *r, const struct digest *blob)
{
        for (size_t i = 0; i < r->catalog.n_images; i++) {
                const struct image *image = &r->catalog.images[i].image;

                if (!r->images[i] && has_digest(image->store.blobs, image->store.n_blobs, blob))
                        return true;
        }
        return false;
}

static int check_unused(const struct removal *r, const struct image *image, struct err *e)
{
        for (size_t i = 0; i < image->n_layers; i++) {
                if (is_layer_kept(r, &image->layers[i]))
                        continue;
                if (kept_check_layer(r->store, &image->layers[i], e) < 0)
                        return -e->code;
                autofd fd = openat(r->store->layers, image->layers[i].hex,
                                   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (fd < 0 && errno == ENOENT)
                        continue;
                if (fd < 0)
                        return err_sys(e, "cannot open a layer of the image");
                if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                        return err_set(e, EBUSY, "the image '%.12s' is in use by a running sandbox",
                                       image->id.hex);
        }
        return 0;
}

/* ------ the removal ------ */

static int remove_file(int dir, const char *file, struct err *e)
{
        if (unlinkat(dir, file, 0) < 0 && errno != ENOENT)
                return err_sys(e, "cannot remove '%.100s' in the image store", file);
        return 0;
}

static int remove_names(const struct removal *r, FILE *out, struct err *e)
{
        const struct catalog *c = &r->catalog;

        for (size_t i = 0; i < c->n_names; i++) {
                if (!r->names[i])
                        continue;
                if (remove_file(r->store->names, c->names[i].file, e) < 0)
                        return -e->code;
                fprintf(out, "untagged: %s\n", c->names[i].name);
        }
        for (size_t i = 0; i < c->n_paths; i++) {
                if (r->paths[i] && remove_file(r->store->paths, c->paths[i].file, e) < 0)
                        return -e->code;
        }
        if (fsync(r->store->names) < 0 || fsync(r->store->paths) < 0)
                return err_sys(e, "cannot sync the image store");
        return 0;
}

static int update_index(const struct removal *r, bool *ret_has_foreign, struct err *e)
{
        const struct catalog *c = &r->catalog;
        autodoc *index = index_load(r->store, e);

        if (!index)
                return -e->code;
        *ret_has_foreign = index_has_foreign(r->store, index);
        for (size_t i = 0; i < c->n_names; i++) {
                if (r->names[i] && index_remove_name(index, c->names[i].name, e) < 0)
                        return -e->code;
        }
        for (size_t i = 0; i < c->n_images; i++) {
                if (r->images[i] && index_remove_image(index, &c->images[i].image.id, e) < 0)
                        return -e->code;
        }
        return index_save(r->store, r->store->tmp, index, e);
}

/* A layer leaves unpacked/ whole: half a one must never be taken for a layer. */
static int remove_layer(const struct store *store, const struct digest *layer, struct err *e)
{
        if (renameat(store->layers, layer->hex, store->tmp, layer->hex) < 0) {
                if (errno == ENOENT)
                        return 0;
                return err_sys(e, "cannot remove the layer '%s'", layer->hex);
        }
        return store_remove_tree(store->tmp, layer->hex, e);
}

static int remove_content(const struct removal *r, const struct image *image, bool with_blobs,
                          struct err *e)
{
        for (size_t i = 0; i < image->n_layers; i++) {
                if (!is_layer_kept(r, &image->layers[i]) &&
                    remove_layer(r->store, &image->layers[i], e) < 0)
                        return -e->code;
        }
        for (size_t i = 0; with_blobs && i < image->store.n_blobs; i++) {
                const struct digest *blob = &image->store.blobs[i];

                if (!is_blob_kept(r, blob) && remove_file(r->store->blobs, blob->hex, e) < 0)
                        return -e->code;
        }
        return 0;
}

static int remove_marked(struct removal *r, FILE *out, struct err *e)
{
        bool has_foreign = false;

        if (remove_names(r, out, e) < 0 || update_index(r, &has_foreign, e) < 0)
                return -e->code;
        for (size_t i = 0; i < r->catalog.n_images; i++) {
                const struct image *image = &r->catalog.images[i].image;

                if (!r->images[i])
                        continue;
                /* another tool's images may share blobs, and only that tool knows which */
                if (remove_content(r, image, !has_foreign, e) < 0)
                        return -e->code;
                /* last, so that a removal that was cut short can be repeated */
                if (remove_file(r->store->images, image->id.hex, e) < 0)
                        return -e->code;
                fprintf(out, "deleted: sha256:%s\n", image->id.hex);
        }
        if (fflush(out) != 0 || ferror(out))
                return err_sys(e, "cannot write what was removed");
        return 0;
}

static int mark(struct removal *r, char *const *args, size_t n, struct err *e)
{
        const struct catalog *c = &r->catalog;

        r->names = mem_alloc(c->n_names * sizeof(bool), e);
        r->paths = mem_alloc(c->n_paths * sizeof(bool), e);
        r->images = mem_alloc(c->n_images * sizeof(bool), e);
        if (!r->names || !r->paths || !r->images)
                return -e->code;
        for (size_t i = 0; i < n; i++) {
                if (!mark_name(r, args[i]) && mark_id(r, args[i], e) < 0)
                        return -e->code;
        }
        mark_orphans(r);
        for (size_t i = 0; i < c->n_images; i++) {
                if (r->images[i] && check_unused(r, &c->images[i].image, e) < 0)
                        return -e->code;
        }
        return 0;
}

static void removal_done(struct removal *r)
{
        free(r->names);
        free(r->paths);
        free(r->images);
        catalog_done(&r->catalog);
}

int remove_images(const struct store *store, char *const *args, size_t n, FILE *out, struct err *e)
{
        autofd lock = store_lock(store, e);
        __attribute__((cleanup(removal_done))) struct removal r = { .store = store };

        if (lock < 0 || catalog_load(store, &r.catalog, e) < 0 || mark(&r, args, n, e) < 0)
                return -e->code;
        return remove_marked(&r, out, e);
}
