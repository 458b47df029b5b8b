#include "prune-inner.h"

#include "fd.h"
#include "output.h"
#include "subids.h"
#include "usage.h"
#include "wipe.h"

#include <errno.h>

static int count_leftover(void *context, const char *name, struct err *e)
{
        struct prune *p = context;

        (void)e;
        if (session_is_held(p->store->tmp, name))
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
        return output_finish(p->out,
                             p->request->is_dry_run
                                     ? "cannot write what would be removed"
                                     : "the removal is done, but it cannot be printed",
                             e);
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
        /* what an image has that cannot be read would go as what belongs to none */
        if (removal_load(&p->removal, p->store, session, e) < 0 ||
            catalog_get_damaged_image(&p->removal.catalog, 0, e))
                return can_wipe(p, e) ? wipe(p, session, e) : -e->code;
        if (p->request->is_all)
                removal_drop_foreign(&p->removal);
        p->removal.is_claimed = held_off < 0;
        if (prune_choose(p, e) < 0 || prune_sweep(p, e) < 0)
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

        if (session_is_held(p->store->tmp, name))
                return 0;
        err_set(e, EPERM, "'%.100s' was left by a command that was ended, and cannot be removed",
                name);
        subids_hint_removal(p->store, p->store->tmp, name, e);
        return -e->code;
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
                r = prune_measure(&p, e);
        if (r == 0)
                r = request->is_dry_run ? prune_locked(&p, NULL, e) : prune_in_session(&p, e);
        if (r == 0)
                r = tell_rest(&p, e);
        removal_done(&p.removal);
        arena_done(&p.arena);
        return r;
}
