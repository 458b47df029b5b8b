#include "prune.h"

#include "fd.h"
#include "mem.h"
#include "removal.h"
#include "str.h"
#include "subids.h"
#include "usage.h"
#include "wipe.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* A layer in all its forms, or a blob. */
struct item {
        const char *name;
        uint64_t bytes;
};

struct items {
        struct item *list;
        size_t n;
};

struct prune {
        const struct prune_request *request;
        const struct store *store;
        struct arena arena;
        struct items all_layers; /* measured before the store is locked: that takes its time */
        struct items all_blobs;
        struct removal removal;
        FILE *out;
        char *in_use;
        uint64_t freed;
        unsigned layers; /* that belong to no image, and go */
        unsigned blobs;
        unsigned leftovers; /* of commands that were killed */
};

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

static int measure(struct prune *p, struct err *e)
{
        const int *layers = p->store->layers;

        if (store_list(layers[STORE_SINGLE], add_layer, p, e) < 0 ||
            (layers[STORE_SUBIDS] >= 0 &&
             store_list(layers[STORE_SUBIDS], add_lone_layer, p, e) < 0))
                return -e->code;
        return store_list(p->store->blobs, add_blob, p, e);
}

/* ------ images ------ */

static bool has_name(const struct catalog *c, const struct digest *id)
{
        for (size_t i = 0; i < c->n_names; i++) {
                if (digest_is_same(&c->names[i].id, id))
                        return true;
        }
        return false;
}

static void tell_in_use(struct prune *p, const struct err *why)
{
        size_t used = strlen(p->in_use);

        snprintf(p->in_use + used, PRUNE_IN_USE_MAX - used, "%.*s\n", err_message_len(why),
                 why->text);
}

/* False: it is in use, which was told. */
static bool mark(struct prune *p, size_t at)
{
        struct err e = { 0 };

        if (removal_check_unused(&p->removal, at, &e) < 0) {
                tell_in_use(p, &e);
                return false;
        }
        removal_mark_image(&p->removal, at);
        return true;
}

static void mark_nameless(struct prune *p)
{
        const struct catalog *c = &p->removal.catalog;

        for (size_t i = 0; i < c->n_images; i++) {
                if (p->request->is_all || !has_name(c, &c->images[i].image.id))
                        mark(p, i);
        }
}

static bool is_known(const struct catalog *c, const struct digest *id)
{
        for (size_t i = 0; i < c->n_images; i++) {
                if (digest_is_same(&c->images[i].image.id, id))
                        return true;
        }
        return false;
}

/* Names and paths of images that are not there any more. */
static void mark_dangling(struct prune *p)
{
        struct removal *r = &p->removal;
        const struct catalog *c = &r->catalog;

        for (size_t i = 0; i < c->n_paths; i++)
                r->paths[i] = r->paths[i] || !is_known(c, &c->paths[i].id);
        for (size_t i = 0; p->request->is_all && i < c->n_names; i++)
                r->names[i] = r->names[i] || !is_known(c, &c->names[i].id);
}

/* ------ --max-size ------ */

static bool is_later(struct timespec a, struct timespec b)
{
        return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

static struct timespec last_use(const struct catalog *c, const struct catalog_image *image)
{
        struct timespec latest = { .tv_sec = 0 };

        for (size_t i = 0; i < c->n_names; i++) {
                if (digest_is_same(&c->names[i].id, &image->image.id) &&
                    is_later(c->names[i].used, latest))
                        latest = c->names[i].used;
        }
        for (size_t i = 0; i < c->n_paths; i++) {
                if (digest_is_same(&c->paths[i].id, &image->image.id) &&
                    is_later(c->paths[i].used, latest))
                        latest = c->paths[i].used;
        }
        return latest;
}

/* What is left once everything that is marked is gone. */
static uint64_t count_rest(const struct prune *p)
{
        const struct removal *r = &p->removal;
        uint64_t bytes = 0;

        for (size_t i = 0; i < p->all_layers.n; i++) {
                if (removal_keeps_layer(r, p->all_layers.list[i].name))
                        bytes += p->all_layers.list[i].bytes;
        }
        for (size_t i = 0; i < p->all_blobs.n; i++) {
                if (r->has_foreign || removal_keeps_blob(r, p->all_blobs.list[i].name))
                        bytes += p->all_blobs.list[i].bytes;
        }
        return bytes;
}

/* The image that goes next, or n_images. */
static size_t find_oldest(const struct prune *p, const bool *stays)
{
        const struct removal *r = &p->removal;
        const struct catalog *c = &r->catalog;
        size_t oldest = c->n_images;

        for (size_t i = 0; i < c->n_images; i++) {
                if (r->images[i] || stays[i])
                        continue;
                if (oldest == c->n_images ||
                    is_later(last_use(c, &c->images[oldest]), last_use(c, &c->images[i])))
                        oldest = i;
        }
        return oldest;
}

static int shrink(struct prune *p, struct err *e)
{
        const struct catalog *c = &p->removal.catalog;
        autofree bool *stays = mem_alloc(c->n_images + 1, e);

        if (!stays)
                return -e->code;
        /* those without a name that are still there are in use, which was told */
        for (size_t i = 0; i < c->n_images; i++)
                stays[i] = !has_name(c, &c->images[i].image.id);
        while (count_rest(p) > p->request->max_size) {
                size_t oldest = find_oldest(p, stays);

                if (oldest == c->n_images)
                        break;
                stays[oldest] = !mark(p, oldest);
        }
        return 0;
}

/* ------ what belongs to no image ------ */

static bool is_locked(int dir, const char *name)
{
        autofd fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

        return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

static bool is_layer_locked(const struct store *store, const char *name)
{
        for (enum store_mode mode = 0; mode < STORE_MODES; mode++) {
                if (store->layers[mode] >= 0 && is_locked(store->layers[mode], name))
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

static int sweep(struct prune *p, struct err *e)
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

/* ------ the whole ------ */

static int count_leftover(void *context, const char *name, struct err *e)
{
        struct prune *p = context;

        (void)e;
        if (is_locked(p->store->tmp, name))
                return 0;
        p->leftovers++;
        p->freed += usage_of(p->store->tmp, name);
        return 0;
}

/* Under the lock, so that no session is seen between its making and its locking. */
static int count_leftovers(struct prune *p, struct err *e)
{
        autofd lock = store_lock(p->store, e);

        return lock < 0 ? lock : store_list(p->store->tmp, count_leftover, p, e);
}

static void tell_plan(const struct prune *p)
{
        const struct removal *r = &p->removal;
        const struct catalog *c = &r->catalog;

        for (size_t i = 0; i < c->n_names; i++) {
                if (r->names[i])
                        fprintf(p->out, "would untag: %s\n", c->names[i].name);
        }
        for (size_t i = 0; i < c->n_images; i++) {
                if (r->images[i])
                        fprintf(p->out, "would delete: sha256:%s\n", c->images[i].image.id.hex);
        }
}

static int tell_rest(const struct prune *p, struct err *e)
{
        const char *verb = p->request->is_dry_run ? "would delete" : "deleted";
        char size[USAGE_TEXT_MAX];

        if (p->layers > 0)
                fprintf(p->out, "%s: layers of no image: %u\n", verb, p->layers);
        if (p->blobs > 0)
                fprintf(p->out, "%s: blobs of no image: %u\n", verb, p->blobs);
        if (p->leftovers > 0)
                fprintf(p->out, "%s: leftovers of commands that were ended: %u\n", verb,
                        p->leftovers);
        usage_print(size, p->freed);
        fprintf(p->out, "%s: %s\n", p->request->is_dry_run ? "would free" : "freed", size);
        if (fflush(p->out) != 0 || ferror(p->out))
                return err_sys(e, "cannot write what was removed");
        return 0;
}

/* A store that is too damaged to be read can be emptied all the same. */
static bool can_wipe(const struct prune *p, const struct err *why)
{
        return p->request->is_all && !p->request->is_dry_run && why->code != ENOMEM;
}

static int wipe(struct prune *p, const struct session *session, struct err *e)
{
        *e = (struct err){ 0 };
        for (size_t i = 0; i < p->all_layers.n; i++)
                p->freed += p->all_layers.list[i].bytes;
        for (size_t i = 0; i < p->all_blobs.n; i++)
                p->freed += p->all_blobs.list[i].bytes;
        return wipe_store(p->store, session, e);
}

static int prune_locked(struct prune *p, const struct session *session, struct err *e)
{
        autofd lock = store_lock(p->store, e);
        autofd held_off = -1;

        if (lock < 0 || session_hold_off(p->store, &held_off, e) < 0)
                return -e->code;
        if (removal_load(&p->removal, p->store, session, e) < 0)
                return can_wipe(p, e) ? wipe(p, session, e) : -e->code;
        if (p->request->is_all)
                removal_drop_foreign(&p->removal);
        p->removal.is_claimed = held_off < 0;
        mark_nameless(p);
        mark_dangling(p);
        if ((p->request->has_max_size && shrink(p, e) < 0) || sweep(p, e) < 0)
                return -e->code;
        if (!p->request->is_dry_run)
                return removal_carry_out(&p->removal, p->out, e);
        tell_plan(p);
        return 0;
}

/* What could not be swept. */
static int tell_unswept(void *context, const char *name, struct err *e)
{
        const struct prune *p = context;

        if (is_locked(p->store->tmp, name))
                return 0;
        err_set(e, EPERM, "'%.100s' was left by a command that was ended, and cannot be removed",
                name);
        return err_hint(e, "as root: rm -r '%.300s/tmp/%.100s'", p->store->path, name);
}

static int prune_in_session(struct prune *p, struct err *e)
{
        struct session session = SESSION_NONE;
        struct err cleanup = { 0 };
        int r = session_open(p->store, &session, e);

        if (r == 0)
                r = prune_locked(p, &session, e);
        if (session_remove(p->store, &session, &cleanup) < 0 && r == 0) {
                *e = cleanup;
                return -e->code;
        }
        if (r == 0 && p->request->is_all)
                r = subids_forget(p->store, e);
        if (r < 0)
                return r;
        autofd lock = store_lock(p->store, e);
        return lock < 0 ? lock : store_list(p->store->tmp, tell_unswept, p, e);
}

int prune_run(const struct store *store, const struct prune_request *request, FILE *out,
              char *ret_in_use, struct err *e)
{
        struct prune p = { .request = request, .store = store, .out = out, .in_use = ret_in_use };

        ret_in_use[0] = '\0';
        int r = count_leftovers(&p, e);
        if (r == 0)
                r = measure(&p, e);
        if (r == 0)
                r = request->is_dry_run ? prune_locked(&p, NULL, e) : prune_in_session(&p, e);
        if (r == 0)
                r = tell_rest(&p, e);
        removal_done(&p.removal);
        arena_done(&p.arena);
        return r;
}
