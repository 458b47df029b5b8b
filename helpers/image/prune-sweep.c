/* Layers, records and blobs: what they take, and which belong to no image. */

#include "prune-inner.h"

#include "fd.h"
#include "str.h"
#include "usage.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

/* ------ what there is ------ */

#define MAX_ITEMS 10000000

static int add_item(struct prune *p, struct items *items, const char *name, uint64_t bytes,
                    struct err *e)
{
        struct item item = { .name = arena_copy(&p->arena, name, e), .bytes = bytes };

        if (!item.name || arena_grow(&p->arena, &items->list, items->n, sizeof(item), MAX_ITEMS,
                                     "things in the image store", e) < 0)
                return -e->code;
        items->list[items->n++] = item;
        return 0;
}

static int add_layer(void *context, const char *name, struct err *e)
{
        struct prune *p = context;

        return add_item(p, &p->all_layers, name, usage_of_layer(p->store, name), e);
}

static int add_lone_layer(void *context, const char *name, struct err *e)
{
        const struct prune *p = context;
        struct stat st;

        /* where it has the other form, too, it was met before */
        if (fstatat(p->store->layers[STORE_SINGLE], name, &st, AT_SYMLINK_NOFOLLOW) == 0)
                return 0;
        return add_layer(context, name, e);
}

static int add_blob(void *context, const char *name, struct err *e)
{
        struct prune *p = context;

        return add_item(p, &p->all_blobs, name, usage_of(p->store->blobs, name), e);
}

int prune_measure(struct prune *p, struct err *e)
{
        const int *layers = p->store->layers;

        if (store_list(layers[STORE_SINGLE], add_layer, p, e) < 0 ||
            (layers[STORE_SUBIDS] >= 0 &&
             store_list(layers[STORE_SUBIDS], add_lone_layer, p, e) < 0))
                return -e->code;
        return store_list(p->store->blobs, add_blob, p, e);
}

/* ------ what belongs to no image ------ */

static bool is_layer_locked(const struct store *store, const char *name)
{
        for (enum store_mode mode = 0; mode < STORE_MODES; mode++) {
                if (store->layers[mode] >= 0 && session_is_held(store->layers[mode], name))
                        return true;
        }
        return false;
}

static bool has_image_layer(const struct catalog *c, const char *name)
{
        for (size_t i = 0; i < c->n_images; i++) {
                const struct image *image = &c->images[i].image;

                for (size_t k = 0; k < image->n_layers; k++) {
                        if (str_eq(image->layers[k].hex, name))
                                return true;
                }
        }
        return false;
}

static bool has_image_blob(const struct catalog *c, const char *name)
{
        for (size_t i = 0; i < c->n_images; i++) {
                const struct image *image = &c->images[i].image;

                for (size_t k = 0; k < image->store.n_blobs; k++) {
                        if (str_eq(image->store.blobs[k].hex, name))
                                return true;
                }
        }
        return false;
}

/* Counts what goes with an image, and takes what has none. */
static int sweep_layer(struct prune *p, const struct item *item, struct err *e)
{
        const struct removal *r = &p->removal;

        if (r->is_claimed || removal_keeps_layer(r, item->name) ||
            is_layer_locked(p->store, item->name))
                return 0;
        p->freed += item->bytes;
        if (has_image_layer(&r->catalog, item->name))
                return 0;
        p->layers++;
        return p->request->is_dry_run ? 0 : removal_take_layer(r, item->name, e);
}

static int sweep_blob(struct prune *p, const struct item *item, struct err *e)
{
        const struct removal *r = &p->removal;

        if (r->is_claimed || r->has_foreign || removal_keeps_blob(r, item->name))
                return 0;
        p->freed += item->bytes;
        if (has_image_blob(&r->catalog, item->name))
                return 0;
        p->blobs++;
        return p->request->is_dry_run ? 0 : removal_remove_file(p->store->blobs, item->name, e);
}

struct record_sweep {
        struct prune *p;
        enum store_mode mode;
};

/* A record whose layer is gone; it takes next to nothing, and is not counted. */
static int sweep_record(void *context, const char *name, struct err *e)
{
        const struct record_sweep *s = context;
        const struct store *store = s->p->store;
        struct stat st;

        if (s->p->request->is_dry_run ||
            fstatat(store->layers[s->mode], name, &st, AT_SYMLINK_NOFOLLOW) == 0)
                return 0;
        return removal_remove_file(store->records[s->mode], name, e);
}

static int sweep_records(struct prune *p, struct err *e)
{
        for (enum store_mode mode = 0; mode < STORE_MODES; mode++) {
                struct record_sweep s = { p, mode };

                if (p->store->records[mode] >= 0 &&
                    store_list(p->store->records[mode], sweep_record, &s, e) < 0)
                        return -e->code;
        }
        return 0;
}

int prune_sweep(struct prune *p, struct err *e)
{
        for (size_t i = 0; i < p->all_layers.n; i++) {
                if (sweep_layer(p, &p->all_layers.list[i], e) < 0)
                        return -e->code;
        }
        for (size_t i = 0; i < p->all_blobs.n; i++) {
                if (sweep_blob(p, &p->all_blobs.list[i], e) < 0)
                        return -e->code;
        }
        return sweep_records(p, e);
}
