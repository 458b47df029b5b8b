#include "apply.h"
#include "path.h"
#include "str.h"

#include <errno.h>

/*
 * What of kelp's own no sandbox sees.  The user may have run kelp in another environment than this
 * one, and will: cron, su and system units have no XDG_RUNTIME_DIR.  So what lies in the place of
 * the specification is as much kelp's as what lies in the one that a variable names.
 */

static const struct setting built_in = { .if_exists = true, .origin = "built in" };

struct places {
        const char *paths[PLAN_MAX_PLACES];
        size_t n;
};

static void add_place(struct places *p, const char *path)
{
        for (size_t i = 0; i < p->n; i++) {
                if (str_eq(p->paths[i], path))
                        return;
        }
        p->paths[p->n++] = path;
}

/* `name` in the directory that is meant, and in both homes' `below`. */
static int find_places(struct assembly *a, const char *meant, const char *below, const char *name,
                       struct places *ret, struct err *e)
{
        const char *const homes[] = { a->facts->home, a->facts->account_home };
        struct arena *arena = &a->plan->arena;

        *ret = (struct places){ .n = 0 };
        for (size_t i = 0; i < 3; i++) {
                const char *dir = i == 0 ? meant : homes[i - 1];

                if (!dir)
                        continue;
                if (i > 0)
                        dir = path_join(arena, dir, below, e);
                const char *path = dir ? path_clean(arena, dir, name, e) : NULL;
                if (!path)
                        return -e->code;
                add_place(ret, path);
        }
        return 0;
}

static int hide_all(struct assembly *a, const struct places *p, struct err *e)
{
        for (size_t i = 0; i < p->n; i++) {
                if (apply_hide_host_path(a, &built_in, p->paths[i], "/", e) < 0)
                        return -e->code;
        }
        return 0;
}

/*
 * What other sandboxes keep is theirs, also for one that has the home: each has a place for its own.
 * Images and kept sandboxes are run by later ones.
 */
int apply_hide_caches(struct assembly *a, struct err *e)
{
        struct places places;

        if (find_places(a, a->facts->cache_home, ".cache", "kelp/caches", &places, e) < 0 ||
            hide_all(a, &places, e) < 0)
                return -e->code;
        return 0;
}

int apply_hide_images(struct assembly *a, struct err *e)
{
        static const char *const names[] = { "kelp/store", "kelp/kept" };
        struct places places;

        for (size_t i = 0; i < 2; i++) {
                if (find_places(a, a->facts->data_home, ".local/share", names[i], &places, e) < 0 ||
                    hide_all(a, &places, e) < 0)
                        return -e->code;
        }
        return 0;
}

/*
 * What kelp knows of other sandboxes, and how it speaks to them.  After all that the user shows: a
 * share of a directory around it is no wish to have it.  It has to be there, or a payload could make
 * it later: the plan says so.
 */
int apply_hide_state(struct assembly *a, struct err *e)
{
        struct plan_files *files = &a->plan->files;
        struct arena *arena = &a->plan->arena;
        unsigned uid = (unsigned)a->facts->uid;
        const char *in_tmp = arena_print(arena, e, "/tmp/kelp-%u", uid);
        const char *in_run = arena_print(arena, e, "/run/user/%u/kelp", uid);
        struct places places = { .n = 0 };

        if (!in_tmp || !in_run)
                return -e->code;
        if (a->facts->state_dir)
                add_place(&places, a->facts->state_dir);
        add_place(&places, in_tmp);
        add_place(&places, in_run);
        for (size_t i = 0; i < places.n; i++) {
                size_t before = files->n_rules + files->n_hidden;

                if (apply_hide_host_path(a, &built_in, places.paths[i], "/", e) < 0)
                        return -e->code;
                if (files->n_rules + files->n_hidden > before)
                        files->state_dirs[files->n_state_dirs++] = places.paths[i];
        }
        return 0;
}

/* Whoever can write there has what he likes applied to the user's files, wherever that says. */
int apply_hide_reviews(struct assembly *a, struct err *e)
{
        struct plan_files *files = &a->plan->files;
        struct places places;

        if (find_places(a, a->facts->reviews_dir, ".local/state/kelp/reviews", ".", &places, e) < 0)
                return -e->code;
        for (size_t i = 0; i < places.n; i++)
                files->reviews_dirs[i] = places.paths[i];
        files->n_reviews_dirs = places.n;
        return hide_all(a, &places, e);
}
