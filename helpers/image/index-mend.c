/*
 * index.json and names/ change one after the other, so a crash between them leaves two that differ.
 * Both are right by themselves, and the names count: they are what kelp runs by.
 */

#include "index.h"

#include "catalog.h"
#include "fd.h"
#include "mem.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static const struct digest *find_name(const struct catalog *c, const char *name)
{
        for (size_t i = 0; i < c->n_names; i++) {
                if (str_eq(c->names[i].name, name))
                        return &c->names[i].id;
        }
        return NULL;
}

static int add_names(json_t *index, const struct catalog *c, const struct image *image,
                     struct err *e)
{
        for (size_t i = 0; i < c->n_names; i++) {
                if (digest_is_same(&c->names[i].id, &image->id) &&
                    index_add(index, image, c->names[i].name, e) < 0)
                        return -e->code;
        }
        /* which has no effect if there is one with a name */
        return index_add(index, image, NULL, e);
}

static int mend(json_t *index, const struct catalog *c, struct err *e)
{
        for (size_t i = 0; i < c->n_images; i++) {
                const struct image *image = &c->images[i].image;
                const char *name;

                for (size_t at = 0; (name = index_get_name(index, &image->id, at)); at++) {
                        const struct digest *now = find_name(c, name);

                        if (now && digest_is_same(now, &image->id))
                                continue;
                        if (index_remove_name(index, name, e) < 0)
                                return -e->code;
                        at = (size_t)-1;
                }
                if (add_names(index, c, image, e) < 0)
                        return -e->code;
        }
        return 0;
}

int index_mend(const struct store *store, int tmp, struct err *e)
{
        struct err unused = { 0 };
        autocatalog c = { 0 };

        /* what is damaged is for verify to tell */
        autodoc *before = index_load(store, &unused);
        autodoc *index = json_deep_copy(before);
        if (!before || catalog_load(store, &c, &unused) < 0 || catalog_check(&c, &unused) < 0)
                return 0;
        if (!index)
                return err_set(e, ENOMEM, "out of memory");
        if (mend(index, &c, e) < 0)
                return -e->code;
        return json_equal(before, index) ? 0 : index_save(store, tmp, index, e);
}

/* ------ one that cannot be read ------ */

/*
 * Kept beside the new one: nobody else knows what other tools had in it, nor what a damaged name
 * stood for.
 */
static int keep_damaged(const struct store *store, const struct catalog *c, struct err *e)
{
        struct err unused = { 0 };

        /* of several the first one is kept: it had most */
        if (linkat(store->dir, "index.json", store->dir, INDEX_DAMAGED, 0) == 0 || errno == EEXIST)
                return 0;
        if (errno == ENOENT && !catalog_get_damaged_name(c, 0, &unused))
                return 0;
        if (errno == ENOENT)
                return store_write(store->tmp, store->dir, INDEX_DAMAGED, "", e);
        return err_sys(e, "cannot make '" INDEX_DAMAGED "' in the image store");
}

int index_repair(const struct store *store, bool *ret_was_damaged, struct err *e)
{
        struct err why = { 0 };
        autocatalog c = { 0 };

        *ret_was_damaged = false;
        autofd lock = store_lock(store, e);
        if (lock < 0)
                return lock;
        autodoc *index = index_load(store, &why);
        if (index)
                return 0;
        if (!index_is_damaged(&why) && why.code != ENOENT) {
                *e = why;
                return -e->code;
        }
        autodoc *made = json_pack("{s:i, s:[]}", "schemaVersion", 2, "manifests");
        if (!made)
                return err_set(e, ENOMEM, "out of memory");
        if (catalog_load(store, &c, e) < 0 || mend(made, &c, e) < 0 ||
            keep_damaged(store, &c, e) < 0 || index_save(store, store->tmp, made, e) < 0)
                return -e->code;
        *ret_was_damaged = true;
        return 0;
}
