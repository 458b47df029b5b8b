#include "removal.h"

#include "fd.h"
#include "holder.h"
#include "index.h"
#include "kept.h"
#include "mem.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

static bool is_in_order(const struct removal *r, const json_t *index)
{
        const struct catalog *c = &r->catalog;

        if (faccessat(r->store->dir, INDEX_DAMAGED, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                return false;
        for (size_t i = 0; i < c->n_images; i++) {
                if (!index_has_image(index, &c->images[i].image.id))
                        return false;
        }
        return true;
}

/* What the names stand for that cannot be read. */
static void find_damaged(struct removal *r, const json_t *index)
{
        struct catalog *c = &r->catalog;
        bool has_unknown = false;

        for (size_t i = 0; i < c->n_names; i++) {
                struct digest id;

                if (!c->names[i].damage)
                        continue;
                if (index_find_name(index, c->names[i].name, &id))
                        c->names[i].id = id;
                else
                        has_unknown = true;
        }
        r->has_lost = has_unknown && !is_in_order(r, index);
}

int removal_load(struct removal *r, const struct store *store, const struct session *session,
                 struct err *e)
{
        const struct catalog *c = &r->catalog;

        *r = (struct removal){ .store = store, .session = session };
        if (catalog_load(store, &r->catalog, e) < 0)
                return -e->code;
        r->names = mem_alloc(c->n_names * sizeof(bool), e);
        r->paths = mem_alloc(c->n_paths * sizeof(bool), e);
        r->images = mem_alloc(c->n_images * sizeof(bool), e);
        r->damaged = mem_alloc(c->n_damaged * sizeof(bool), e);
        if (!r->names || !r->paths || !r->images || !r->damaged)
                return -e->code;
        autodoc *index = index_load(store, e);
        if (!index)
                return err_hint(e, "the next kelp import or kelp rmi writes it anew from the "
                                   "images; kelp prune --all empties the store");
        find_damaged(r, index);
        /* one that could not be read may have had some */
        r->has_foreign = index_has_foreign(store, index) ||
                         faccessat(store->dir, INDEX_DAMAGED, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
        return 0;
}

bool removal_may_have_name(const struct removal *r)
{
        const struct catalog *c = &r->catalog;

        for (size_t i = 0; r->has_lost && i < c->n_names; i++) {
                if (c->names[i].damage && !c->names[i].id.hex[0] && !r->names[i])
                        return true;
        }
        return false;
}

void removal_drop_foreign(struct removal *r)
{
        r->has_foreign = false;
        r->no_foreign = true;
}

void removal_done(struct removal *r)
{
        free(r->names);
        free(r->paths);
        free(r->images);
        free(r->damaged);
        catalog_done(&r->catalog);
}

void removal_mark_image(struct removal *r, size_t at)
{
        const struct catalog *c = &r->catalog;
        const struct digest *id = &c->images[at].image.id;

        for (size_t i = 0; i < c->n_names; i++)
                r->names[i] = r->names[i] || digest_is_same(&c->names[i].id, id);
        for (size_t i = 0; i < c->n_paths; i++)
                r->paths[i] = r->paths[i] || digest_is_same(&c->paths[i].id, id);
        r->images[at] = true;
}

/* ------ what can go ------ */

static bool has_digest(const struct digest *list, size_t n, const char *hex)
{
        for (size_t i = 0; i < n; i++) {
                if (str_eq(list[i].hex, hex))
                        return true;
        }
        return false;
}

bool removal_keeps_layer(const struct removal *r, const char *hex)
{
        for (size_t i = 0; i < r->catalog.n_images; i++) {
                const struct image *image = &r->catalog.images[i].image;

                if (!r->images[i] && has_digest(image->layers, image->n_layers, hex))
                        return true;
        }
        return false;
}

bool removal_keeps_blob(const struct removal *r, const char *hex)
{
        for (size_t i = 0; i < r->catalog.n_images; i++) {
                const struct image *image = &r->catalog.images[i].image;

                if (!r->images[i] && has_digest(image->store.blobs, image->store.n_blobs, hex))
                        return true;
        }
        return false;
}

/* What the user calls it. */
static const char *name_of(const struct catalog *c, const struct digest *id)
{
        for (size_t i = 0; i < c->n_names; i++) {
                if (digest_is_same(&c->names[i].id, id))
                        return c->names[i].name;
        }
        return id->hex;
}

/* A run has locks on the image's own file and on the directories of its layers. */
static int check_lock(const struct removal *r, const struct image *image, int dir, const char *name,
                      struct err *e)
{
        autofd fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        char holder[HOLDER_MAX];

        if (fd < 0 && errno == ENOENT)
                return 0;
        if (fd < 0)
                return err_sys(e, "cannot open '%s' of the image", name);
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
                return 0;
        err_set(e, EBUSY, "the image '%s' is in use by %s", name_of(&r->catalog, &image->id),
                holder_find(fd, holder, sizeof(holder)));
        return err_hint(e, "kelp ps lists the sandboxes that run, kelp stop ends one");
}

/* Whether another image that stays has the layer. */
static bool is_needed(const struct removal *r, size_t at, const char *hex)
{
        for (size_t i = 0; i < r->catalog.n_images; i++) {
                const struct image *image = &r->catalog.images[i].image;

                if (i != at && !r->images[i] && has_digest(image->layers, image->n_layers, hex))
                        return true;
        }
        return false;
}

int removal_check_idle(const struct removal *r, size_t at, struct err *e)
{
        const struct image *image = &r->catalog.images[at].image;

        return check_lock(r, image, r->store->images, image->id.hex, e);
}

int removal_check_unused(const struct removal *r, size_t at, struct err *e)
{
        const struct image *image = &r->catalog.images[at].image;

        if (removal_check_idle(r, at, e) < 0 ||
            kept_check_image(r->store, &image->id, name_of(&r->catalog, &image->id), e) < 0)
                return -e->code;
        for (size_t i = 0; i < image->n_layers; i++) {
                if (is_needed(r, at, image->layers[i].hex))
                        continue;
                for (enum store_mode mode = 0; mode < STORE_MODES; mode++) {
                        int dir = r->store->layers[mode];

                        if (dir >= 0 && check_lock(r, image, dir, image->layers[i].hex, e) < 0)
                                return -e->code;
                }
        }
        return 0;
}

/* ------ the removal ------ */

int removal_remove_file(int dir, const char *file, struct err *e)
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
                if (removal_remove_file(r->store->names, c->names[i].file, e) < 0)
                        return -e->code;
                fprintf(out, "untagged: %s\n", c->names[i].name);
        }
        for (size_t i = 0; i < c->n_paths; i++) {
                if (r->paths[i] && removal_remove_file(r->store->paths, c->paths[i].file, e) < 0)
                        return -e->code;
        }
        if (fsync(r->store->names) < 0 || fsync(r->store->paths) < 0)
                return err_sys(e, "cannot sync the image store");
        return 0;
}

static int update_index(const struct removal *r, struct err *e)
{
        const struct catalog *c = &r->catalog;
        autodoc *index = index_load(r->store, e);

        if (!index)
                return -e->code;
        if (r->no_foreign && (index_remove_foreign(r->store, index, e) < 0 ||
                              removal_remove_file(r->store->dir, INDEX_DAMAGED, e) < 0))
                return -e->code;
        for (size_t i = 0; i < c->n_names; i++) {
                if (r->names[i] && index_remove_name(index, c->names[i].name, e) < 0)
                        return -e->code;
        }
        for (size_t i = 0; i < c->n_images; i++) {
                if (r->images[i] && index_remove_image(index, &c->images[i].image.id, e) < 0)
                        return -e->code;
        }
        for (size_t i = 0; i < c->n_damaged; i++) {
                struct digest id;

                snprintf(id.hex, sizeof(id.hex), "%s", c->damaged[i].file);
                if (r->damaged[i] && index_remove_image(index, &id, e) < 0)
                        return -e->code;
        }
        return index_save(r->store, r->session->dir, index, e);
}

int removal_take_layer(const struct removal *r, const char *hex, struct err *e)
{
        for (enum store_mode mode = 0; mode < STORE_MODES; mode++) {
                if (r->store->layers[mode] >= 0 &&
                    (session_take(r->session, r->store->layers[mode], hex, e) < 0 ||
                     session_take(r->session, r->store->records[mode], hex, e) < 0))
                        return -e->code;
        }
        return 0;
}

static int remove_content(const struct removal *r, const struct image *image, struct err *e)
{
        if (r->is_claimed)
                return 0;
        for (size_t i = 0; i < image->n_layers; i++) {
                if (!removal_keeps_layer(r, image->layers[i].hex) &&
                    removal_take_layer(r, image->layers[i].hex, e) < 0)
                        return -e->code;
        }
        /* another tool's images may share blobs, and only that tool knows which */
        for (size_t i = 0; !r->has_foreign && i < image->store.n_blobs; i++) {
                const struct digest *blob = &image->store.blobs[i];

                if (!removal_keeps_blob(r, blob->hex) &&
                    removal_remove_file(r->store->blobs, blob->hex, e) < 0)
                        return -e->code;
        }
        return 0;
}

/* What it had is nobody's now, and goes with the next prune. */
static int remove_damaged(const struct removal *r, FILE *out, struct err *e)
{
        const struct catalog *c = &r->catalog;

        for (size_t i = 0; i < c->n_damaged; i++) {
                if (!r->damaged[i])
                        continue;
                if (removal_remove_file(r->store->images, c->damaged[i].file, e) < 0)
                        return -e->code;
                fprintf(out, "deleted: sha256:%s\n", c->damaged[i].file);
        }
        return 0;
}

int removal_carry_out(struct removal *r, FILE *out, struct err *e)
{
        bool is_left = false;

        if (remove_names(r, out, e) < 0 || update_index(r, e) < 0 || remove_damaged(r, out, e) < 0)
                return -e->code;
        for (size_t i = 0; i < r->catalog.n_images; i++) {
                const struct image *image = &r->catalog.images[i].image;

                if (!r->images[i])
                        continue;
                /* first: what is left when this is cut short is nobody's, not a part of an image */
                if (removal_remove_file(r->store->images, image->id.hex, e) < 0)
                        return -e->code;
                if (remove_content(r, image, e) < 0)
                        return -e->code;
                fprintf(out, "deleted: sha256:%s\n", image->id.hex);
                is_left = is_left || r->is_claimed;
        }
        if (is_left)
                fprintf(out,
                        "left to the next prune, as an import is at work: what was only theirs\n");
        return 0;
}
