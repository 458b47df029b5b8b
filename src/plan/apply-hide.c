#include "apply.h"
#include "path.h"

/* What of kelp's own no sandbox sees. */

/* What other sandboxes keep is theirs, also for one that has the home: each has a place for its own. */
int apply_hide_caches(struct assembly *a, struct err *e)
{
        const struct setting s = { .if_exists = true, .origin = "built in" };
        const char *home = a->facts->cache_home;

        if (!home)
                return 0;
        const char *path = path_clean(&a->plan->arena, home, "kelp/caches", e);
        return path ? apply_hide_host_path(a, &s, path, home, e) : -e->code;
}

/*
 * What kelp knows of other sandboxes, and how it speaks to them.  After all that the user shows: a
 * share of a directory around it is no wish to have it.  It has to be there, or a payload could make
 * it later: the plan says so.
 */
int apply_hide_state(struct assembly *a, struct err *e)
{
        const struct setting s = { .if_exists = true, .origin = "built in" };
        struct plan_files *files = &a->plan->files;
        const char *path = a->facts->state_dir;
        size_t before = files->n_rules + files->n_hidden;

        if (!path)
                return 0;
        if (apply_hide_host_path(a, &s, path, "/", e) < 0)
                return -e->code;
        files->needs_state_dir = files->n_rules + files->n_hidden > before;
        return 0;
}

/* Whoever can write there has what he likes applied to the user's files, wherever that says. */
int apply_hide_reviews(struct assembly *a, struct err *e)
{
        const struct setting s = { .if_exists = true, .origin = "built in" };
        const char *path = a->facts->reviews_dir;

        if (!path)
                return 0;
        a->plan->files.reviews_dir = path;
        return apply_hide_host_path(a, &s, path, "/", e);
}
