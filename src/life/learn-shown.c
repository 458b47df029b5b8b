#include "learn-inner.h"

#include "path.h"
#include "str.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/*
 * A directory that is granted as a whole shows more than the command asked for.  What in it looks
 * like a secret is hidden by lines of its own, whether the command asked for it or not: one that knows
 * that it is watched does not.
 *
 * Not what the base hides, which stays hidden in it, and what the base gives already.  Of a directory
 * of such a name in which something was used, what was not used is hidden: also where what is granted
 * is only a part of it.
 */

/* More of them would be no policy to read, and each is a mount of the run. */
#define MAX_SECRETS 1000

struct guard {
        struct learn *l;
        const struct learn_context *c;
        const struct learn_shown *shown;
        size_t n_secrets;
};

static bool is_used_in(const struct guard *g, const char *dir)
{
        for (size_t i = 0; i < g->shown->n_used; i++) {
                if (path_is_in(g->shown->used[i], dir))
                        return true;
        }
        return false;
}

static int hide(struct guard *g, const char *path, struct err *e)
{
        const char *value = arena_copy(&g->l->arena, path, e);
        const struct learn_line line = { .key = LEARN_HIDDEN, .if_exists = true, .value = value };

        if (!value)
                return -e->code;
        if (++g->n_secrets > MAX_SECRETS)
                return err_set(e, E2BIG, "more than %d names would have to be hidden", MAX_SECRETS);
        if (!learn_quote(g->l, g->c, &line, e))
                return e->code ? -e->code
                               : err_set(e, E2BIG, "it has a secret whose name no policy can have");
        return learn_add_line(g->l, LEARN_HIDDEN, true, value,
                              "looks like a secret, and lies in what is shown", e);
}

/*
 * Whether it lies in a directory that looks like a secret: the one that is granted, one in it, or one
 * above it.  Not the home, whose name says nothing, nor what is above that.
 */
static bool is_in_secret(const struct guard *g, const char *path)
{
        const char *home = g->c->base->files.home;
        size_t top = home && path_is_in(path, home) ? strlen(home) : 0;
        char dir[PATH_MAX];
        size_t len = (size_t)snprintf(dir, sizeof(dir), "%s", path);

        while (len > top && len < sizeof(dir)) {
                while (dir[--len] != '/')
                        ;
                dir[len] = '\0';
                if (len > top && learn_find_secret(g->c->base, dir) == dir)
                        return true;
        }
        return false;
}

static bool is_hidden(const struct learn *l, const char *path)
{
        for (size_t i = 0; i < l->n_lines; i++) {
                if (l->lines[i].key == LEARN_HIDDEN && path_is_in(path, l->lines[i].value))
                        return true;
        }
        return false;
}

static int look_at(const char *path, bool is_directory, void *arg, struct err *e)
{
        struct guard *g = arg;
        const char *secret = learn_find_secret(g->c->base, path);

        if (!secret && !is_in_secret(g, path))
                return 1;
        if ((secret && secret != path) || is_hidden(g->l, path))
                return 0;
        if (learn_is_given(g->c->base, path, g->shown->access) ||
            ((is_directory || !secret) && is_used_in(g, path)))
                return 1;
        return hide(g, path, e);
}

/*
 * What the base policy hides stays hidden in it; this is known by its name alone.  A directory that is
 * itself to be hidden is not granted: lines that contradict each other are no policy.
 */
static int hide_left_out(struct guard *g, const char **ret_why, struct err *e)
{
        for (size_t i = 0; i < g->shown->n_secrets; i++) {
                const char *secret = g->shown->secrets[i];

                if (!path_is_in(secret, g->shown->dir))
                        continue;
                if (str_eq(secret, g->shown->dir)) {
                        *ret_why = ": it looks like a secret";
                        return 0;
                }
                if (learn_add_line(g->l, LEARN_HIDDEN, true, secret,
                                   "looks like a secret, and lies in what is shown", e) < 0)
                        return -e->code;
        }
        return 0;
}

int learn_hide_in_shown(struct learn *l, const struct learn_context *c,
                        const struct learn_shown *shown, const char **ret_why, struct err *e)
{
        struct guard g = { .l = l, .c = c, .shown = shown };
        struct err why = { 0 };
        size_t n_lines = l->n_lines;

        if (hide_left_out(&g, ret_why, e) < 0)
                return -e->code;
        if (!*ret_why && shown->is_directory &&
            c->walk(shown->dir, look_at, &g, c->arg, &why) < 0) {
                if (why.code != E2BIG) {
                        *e = why;
                        return -e->code;
                }
                *ret_why = arena_print(&l->arena, e, ": %s", why.text);
                if (!*ret_why)
                        return -e->code;
        }
        if (*ret_why)
                l->n_lines = n_lines;
        return 0;
}
