#include "remove.h"

#include "fd.h"
#include "mem.h"
#include "ref.h"
#include "removal.h"
#include "str.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define SHORTEST_ID 12

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

        if (ref_parse_any(arg, whole, &unused) < 0)
                return false;
        for (size_t i = 0; i < r->catalog.n_names; i++) {
                if (str_eq(r->catalog.names[i].name, whole)) {
                        r->names[i] = true;
                        return true;
                }
        }
        return false;
}

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

static int mark_id(struct removal *r, const char *arg, bool is_forced, struct err *e)
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
        if (!is_forced && check_names(r, found, e) < 0)
                return -e->code;
        removal_mark_image(r, found);
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

static int mark(struct removal *r, char *const *args, size_t n, bool is_forced, struct err *e)
{
        for (size_t i = 0; i < n; i++) {
                if (!mark_name(r, args[i]) && mark_id(r, args[i], is_forced, e) < 0)
                        return -e->code;
        }
        mark_orphans(r);
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
        return removal_carry_out(&r, out, e);
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
