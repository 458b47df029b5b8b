#include "remove.h"

#include "fd.h"
#include "find.h"
#include "output.h"
#include "removal.h"
#include "str.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* ------ what was meant ------ */

/* By its id an image goes from under names that were not spoken of. */
static int check_names(struct removal *r, size_t at, struct err *e)
{
        const struct catalog *c = &r->catalog;
        const struct digest *id = &c->images[at].image.id;
        char names[300] = "";
        size_t used = 0;
        unsigned n = 0;

        for (size_t i = 0; i < c->n_names; i++) {
                if (!digest_is_same(&c->names[i].id, id))
                        continue;
                n++;
                if (used < sizeof(names))
                        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%.100s",
                                                 used ? " " : "", c->names[i].name);
        }
        if (n < 2)
                return 0;
        err_set(e, EBUSY, "the image '%.12s' has %u names", id->hex, n);
        return err_hint(e, "kelp rmi %s, or with --force", names);
}

/* An image that cannot be read has no id but what its file is called. */
static bool mark_damaged(struct removal *r, const char *arg)
{
        const struct catalog *c = &r->catalog;
        const char *file = str_has_prefix(arg, "sha256:") ? arg + strlen("sha256:") : arg;

        for (size_t i = 0; i < c->n_damaged; i++) {
                if (!str_eq(c->damaged[i].file, file))
                        continue;
                r->damaged[i] = true;
                for (size_t j = 0; j < c->n_names; j++)
                        r->names[j] = r->names[j] || str_eq(c->names[j].id.hex, file);
                return true;
        }
        return false;
}

static int mark_arg(struct removal *r, const char *arg, bool is_forced, struct err *e)
{
        size_t at;

        if (find_name(&r->catalog, arg, &at)) {
                r->names[at] = true;
                return 0;
        }
        if (mark_damaged(r, arg))
                return 0;
        if (find_id(&r->catalog, arg, &at, e) < 0 || (!is_forced && check_names(r, at, e) < 0))
                return -e->code;
        removal_mark_image(r, at);
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

/* On the word of a name that cannot be read nothing goes but itself. */
static bool loses_name(const struct removal *r, const struct digest *id)
{
        const struct catalog *c = &r->catalog;

        for (size_t i = 0; i < c->n_names; i++) {
                if (r->names[i] && !c->names[i].damage && digest_is_same(&c->names[i].id, id))
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

                if (loses_name(r, id) && !is_referred_to(c->names, r->names, c->n_names, id) &&
                    !is_referred_to(c->paths, r->paths, c->n_paths, id))
                        r->images[i] = true;
        }
        for (size_t i = 0; i < c->n_damaged; i++) {
                struct digest id;

                snprintf(id.hex, sizeof(id.hex), "%s", c->damaged[i].file);
                r->damaged[i] |=
                        loses_name(r, &id) && !is_referred_to(c->names, r->names, c->n_names, &id);
        }
}

static int mark(struct removal *r, char *const *args, size_t n, bool is_forced, struct err *e)
{
        for (size_t i = 0; i < n; i++) {
                if (mark_arg(r, args[i], is_forced, e) < 0)
                        return -e->code;
        }
        if (!removal_may_have_name(r))
                mark_orphans(r);
        /* first those that run: layers that several have would be laid to the first one */
        for (size_t i = 0; i < r->catalog.n_images; i++) {
                if (r->images[i] && removal_check_idle(r, i, e) < 0)
                        return -e->code;
        }
        for (size_t i = 0; i < r->catalog.n_images; i++) {
                if (r->images[i] && removal_check_unused(r, i, e) < 0)
                        return -e->code;
        }
        return 0;
}

static int remove_locked(const struct store *store, const struct session *session,
                         char *const *args, size_t n, bool is_forced, FILE *out, struct err *e)
{
        autofd lock = store_lock(store, e);
        autofd held_off = -1;
        autoremoval r = { 0 };

        if (lock < 0 || session_hold_off(store, &held_off, e) < 0 ||
            removal_load(&r, store, session, e) < 0 || mark(&r, args, n, is_forced, e) < 0)
                return -e->code;
        r.is_claimed = held_off < 0;
        if (removal_carry_out(&r, out, e) < 0)
                return -e->code;
        return output_finish(out, "the removal is done, but it cannot be printed", e);
}

int remove_images(const struct store *store, char *const *args, size_t n, bool is_forced, FILE *out,
                  struct err *e)
{
        struct session session = SESSION_NONE;
        struct err cleanup = { 0 };
        int r = session_open(store, &session, e);

        if (r == 0)
                r = remove_locked(store, &session, args, n, is_forced, out, e);
        /* the layers: without the lock, for it takes its time */
        if (session_remove(store, &session, &cleanup) < 0 && r == 0) {
                *e = cleanup;
                return -e->code;
        }
        return r;
}
