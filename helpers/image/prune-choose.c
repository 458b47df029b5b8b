/* Which images go. */

#include "prune-inner.h"

#include <errno.h>
#include <string.h>

static void tell(struct prune *p, const struct err *why)
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
                tell(p, &e);
                return false;
        }
        removal_mark_image(&p->removal, at);
        return true;
}

static void tell_kept(struct prune *p)
{
        struct err e = { 0 };

        err_set(&e, EINVAL,
                "images without a name stay: nobody knows which of them a name was for that "
                "cannot be read");
        tell(p, &e);
}

static void mark_nameless(struct prune *p)
{
        const struct catalog *c = &p->removal.catalog;
        bool may_have_name = !p->request->is_all && removal_may_have_name(&p->removal);
        bool has_kept = false;

        for (size_t i = 0; i < c->n_images; i++) {
                if (!p->request->is_all && catalog_has_name(c, &c->images[i].image.id))
                        continue;
                if (may_have_name)
                        has_kept = true;
                else
                        mark(p, i);
        }
        if (has_kept)
                tell_kept(p);
}

/* Names and paths of images that are not there any more. */
static void mark_dangling(struct prune *p)
{
        struct removal *r = &p->removal;
        const struct catalog *c = &r->catalog;

        for (size_t i = 0; i < c->n_paths; i++)
                r->paths[i] = r->paths[i] || !catalog_find_image(c, &c->paths[i].id);
        for (size_t i = 0; p->request->is_all && i < c->n_names; i++)
                r->names[i] = r->names[i] || !catalog_find_image(c, &c->names[i].id);
}

/* ------ --max-size ------ */

static bool is_later(struct timespec a, struct timespec b)
{
        return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

static struct timespec last_use(const struct catalog *c, const struct catalog_image *image)
{
        struct timespec latest = image->used;

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
                stays[i] = !catalog_has_name(c, &c->images[i].image.id);
        while (count_rest(p) > p->request->max_size) {
                size_t oldest = find_oldest(p, stays);

                if (oldest == c->n_images)
                        break;
                stays[oldest] = !mark(p, oldest);
        }
        return 0;
}

int prune_choose(struct prune *p, struct err *e)
{
        mark_nameless(p);
        mark_dangling(p);
        return p->request->has_max_size ? shrink(p, e) : 0;
}
