#include "learn-inner.h"

#include "path.h"
#include "str.h"

#include <errno.h>
#include <string.h>

/*
 * Paths become places.  A place is a directory; what was used in it is noted by name, and if that is
 * one file alone, and nothing was made or removed there, the line is for the file.
 *
 * ~/.cache/NAME and its like belong to one program and are granted as a whole.  Any other directory
 * is granted for what was used right in it; three directories side by side become the one above
 * them.  The home itself and what many programs share, like ~/.config, are never a place.
 */

#define MAX_PLACES 4000
#define MAX_NAMED  3

struct place {
        const char *path;
        char access;     /* 'r' or 'w' */
        bool is_whole;   /* the directory itself is needed, not only a file in it */
        bool is_free;    /* of no program in particular: may be joined with its neighbours */
        bool is_dropped; /* another one has it in it */
        size_t n_names;  /* different ones below it */
        const char *names[MAX_NAMED];
        size_t n_comms;
        const char *comms[MAX_NAMED];
};

struct sorting {
        struct learn *l;
        const struct learn_context *c;
        struct place *places;
        size_t n_places;
        const char **secrets; /* full paths, where only the name tells */
        size_t n_secrets;
        const char **used; /* paths that a place was found for */
        size_t n_used;
};

static bool has_text(const char *const *list, size_t n, const char *text)
{
        for (size_t i = 0; i < n && i < MAX_NAMED; i++) {
                if (str_eq(list[i], text))
                        return true;
        }
        return false;
}

static void note_text(const char **list, size_t *n, const char *text)
{
        if (has_text(list, *n, text))
                return;
        if (*n < MAX_NAMED)
                list[*n] = text;
        (*n)++;
}

static struct place *find_place(struct sorting *s, const char *path, char access, struct err *e)
{
        for (size_t i = 0; i < s->n_places; i++) {
                if (s->places[i].access == access && str_eq(s->places[i].path, path))
                        return &s->places[i];
        }
        if (arena_grow(&s->l->arena, &s->places, s->n_places, sizeof(*s->places), MAX_PLACES,
                       "places", e) < 0)
                return NULL;
        struct place *place = &s->places[s->n_places++];
        *place = (struct place){ .path = path, .access = access };
        return place;
}

static enum learn_object look(struct sorting *s, const char *path, struct err *e)
{
        const char *unused;

        return s->c->look(path, &s->l->arena, &unused, s->c->arg, e);
}

/* What a place must lie below: the home, or the root of everything that is not in it. */
static const char *floor_of(const struct sorting *s, const char *path)
{
        const char *home = s->c->base->files.home;

        return home && !str_eq(home, "/") && path_is_in(path, home) ? home : "/";
}

static bool is_above_floor(const struct sorting *s, const char *path)
{
        const char *home = s->c->base->files.home;

        return str_eq(path, "/") || (home && path_is_in(home, path));
}

/* The nearest directory at or above `path` that the host has; below the floor, or what comes next. */
static const char *existing_above(struct sorting *s, const char *path, struct err *e)
{
        struct arena *a = &s->l->arena;
        const char *floor = floor_of(s, path);

        while (path && look(s, path, e) != LEARN_DIRECTORY) {
                const char *parent = path_parent(a, path, e);

                if (!parent || str_eq(parent, floor))
                        return parent ? path : NULL;
                path = parent;
        }
        return path;
}

static bool makes_names(const struct learn_use *use)
{
        return use->kind == OBSERVE_CREATE || use->kind == OBSERVE_RENAME ||
               use->kind == OBSERVE_REMOVE;
}

/* NULL with e->code 0: it needs no line, or none is possible. */
static struct place *choose_free(struct sorting *s, const struct learn_use *use, const char *path,
                                 enum learn_object object, char access, struct err *e)
{
        bool is_whole = object == LEARN_DIRECTORY || (access == 'w' && makes_names(use));
        const char *dir = path;

        if (object != LEARN_DIRECTORY || makes_names(use))
                dir = path_parent(&s->l->arena, path, e);
        if (dir && access == 'w' && look(s, dir, e) != LEARN_DIRECTORY)
                dir = existing_above(s, dir, e);
        if (!dir)
                return NULL;
        bool is_alone = is_above_floor(s, dir);
        /* a file right in the home: it is granted by itself if it is there */
        if (is_alone && object != LEARN_FILE)
                return NULL;
        struct place *place = find_place(s, is_alone ? path : dir, access, e);
        if (place) {
                place->is_whole = place->is_whole || (is_whole && !is_alone);
                place->is_free = !is_alone;
        }
        return place;
}

/* What a policy never gives as a whole, though the command asked what is in it. */
static int tell_shared(struct sorting *s, const struct learn_use *use, const char *path,
                       struct err *e)
{
        const char *name = learn_short(s->l, s->c, path, e);
        const char *safe = name ? learn_safe(s->l, name, e) : NULL;
        const char *text = safe ? arena_print(&s->l->arena, e, "a list of all that is in %s, by %s",
                                              safe, use->comm)
                                : NULL;

        return text ? learn_note_refused(s->l, text, e) : -e->code;
}

/* NULL with e->code 0: it needs no line, or none is possible. */
static struct place *choose_place(struct sorting *s, const struct learn_use *use, const char *path,
                                  enum learn_object object, char access, struct err *e)
{
        const char *home = s->c->base->files.home;
        const char *own = NULL;

        if (str_eq(floor_of(s, path), "/"))
                return choose_free(s, use, path, object, access, e);
        switch (learn_find_owner(&s->l->arena, home, path, &own, e)) {
        case LEARN_OWN_NOBODYS:
                return choose_free(s, use, path, object, access, e);
        case LEARN_OWN_SHARED:
                if (access == 'r')
                        tell_shared(s, use, path, e);
                return NULL;
        case LEARN_OWN_PROGRAMS:
                break;
        }
        struct place *place = own ? find_place(s, own, access, e) : NULL;
        if (place)
                place->is_whole = true;
        return place;
}

static int tell_refused(struct sorting *s, const struct learn_use *use, const char *path,
                        const char *why, struct err *e)
{
        const char *name = learn_short(s->l, s->c, path, e);
        const char *safe = name ? learn_safe(s->l, name, e) : NULL;
        const char *text =
                safe ? arena_print(&s->l->arena, e, "%s %s, by %s%s",
                                   use->access == 'w' ? "write" : "read", safe, use->comm, why)
                     : NULL;

        return text ? learn_note_refused(s->l, text, e) : -e->code;
}

static int tell_secret(struct sorting *s, const struct learn_use *use, const char *path,
                       bool is_given, struct err *e)
{
        struct learn *l = s->l;
        const char *name = learn_short(l, s->c, path, e);
        const char *safe = name ? learn_safe(l, name, e) : NULL;
        const char *text =
                safe ? arena_print(&l->arena, e, "%s, asked for by %s%s", safe, use->comm,
                                   is_given ? " (the current directory shows it)" : "")
                     : NULL;

        return text ? learn_note_secret(l, text, e) : -e->code;
}

/* Returns 1 if it is one and has been told of. */
static int sort_secret(struct sorting *s, const struct learn_use *use, const char *path,
                       enum learn_object object, struct err *e)
{
        const struct plan *base = s->c->base;
        const char *secret = learn_find_secret(base, path);

        /* the system's certificates are no secrets, and what is not there is none yet */
        if (!secret || (object == LEARN_NOTHING && use->access != 'w'))
                return 0;
        bool is_given = learn_is_given(base, path, use->access);
        bool is_home = !str_eq(floor_of(s, path), "/");
        if (str_eq(secret, path) && is_given && !is_home)
                return 0;
        if (tell_secret(s, use, secret, is_given, e) < 0)
                return -e->code;
        if (is_given)
                return 1;
        if (arena_grow(&s->l->arena, &s->secrets, s->n_secrets, sizeof(*s->secrets), MAX_PLACES,
                       "secrets", e) < 0)
                return -e->code;
        s->secrets[s->n_secrets++] = secret;
        return 1;
}

static bool is_of_path(const struct learn_use *use)
{
        switch (use->kind) {
        case OBSERVE_OPEN:
        case OBSERVE_CREATE:
        case OBSERVE_RENAME:
        case OBSERVE_REMOVE:
        case OBSERVE_CHANGE:
        case OBSERVE_EXECUTE:
                return use->name[0] == '/';
        case OBSERVE_SOCKET:
        case OBSERVE_HOST:
        case OBSERVE_SYSCALL:
                return false;
        }
        return false;
}

static bool acts_outside(const struct sorting *s, const struct learn_use *use, const char *path)
{
        return use->access == 'w' && learn_acts_outside(s->c->base, path);
}

static int sort_path(struct sorting *s, const struct learn_use *use, const char *path,
                     enum learn_object object, struct err *e)
{
        char access = use->access == 'w' ? 'w' : 'r';

        /* a home may lie anywhere */
        if (str_eq(floor_of(s, path), "/") && learn_is_own(path))
                return 0;
        int secret = sort_secret(s, use, path, object, e);
        if (secret != 0)
                return secret < 0 ? secret : 0;
        if (learn_is_given(s->c->base, path, access))
                return 0;
        if (is_above_floor(s, path))
                return access == 'r' && str_eq(path, floor_of(s, path))
                               ? tell_shared(s, use, path, e)
                               : 0;
        /* what was not there needed nothing, nor did a directory that was there already */
        if ((access == 'r' && object == LEARN_NOTHING) ||
            (use->kind == OBSERVE_CREATE && object == LEARN_DIRECTORY))
                return 0;
        if (use->is_refused)
                return tell_refused(s, use, path, "", e);
        if (acts_outside(s, use, path))
                return tell_refused(s, use, path, ": it takes effect outside of a sandbox", e);
        struct place *place = choose_place(s, use, path, object, access, e);
        if (!place)
                return -e->code;
        if (arena_grow(&s->l->arena, &s->used, s->n_used, sizeof(*s->used), 2 * LEARN_MAX_USES,
                       "paths that were used", e) < 0)
                return -e->code;
        s->used[s->n_used++] = path;
        note_text(place->names, &place->n_names, path);
        note_text(place->comms, &place->n_comms, use->comm);
        return 0;
}

/*
 * A symlink and what it leads to are both needed, and either may be a secret, or take effect outside:
 * then neither is granted.
 */
static int sort_use(struct sorting *s, const struct learn_use *use, struct err *e)
{
        const char *path = path_clean(&s->l->arena, "/", use->name, e);
        const char *real = NULL;

        if (!path)
                return -e->code;
        enum learn_object object = s->c->look(path, &s->l->arena, &real, s->c->arg, e);
        if (e->code != 0)
                return -e->code;
        if (!real || str_eq(real, path))
                return sort_path(s, use, path, object, e);
        if (learn_find_secret(s->c->base, real) || acts_outside(s, use, real))
                return sort_path(s, use, real, object, e);
        if (sort_path(s, use, path, object, e) < 0)
                return -e->code;
        if (learn_find_secret(s->c->base, path) || acts_outside(s, use, path))
                return 0;
        return sort_path(s, use, real, object, e);
}

static void join_into(struct place *into, const struct place *from)
{
        for (size_t i = 0; i < from->n_names && i < MAX_NAMED; i++)
                note_text(into->names, &into->n_names, from->names[i]);
        if (from->n_names > MAX_NAMED)
                into->n_names += from->n_names - MAX_NAMED;
        for (size_t i = 0; i < from->n_comms && i < MAX_NAMED; i++)
                note_text(into->comms, &into->n_comms, from->comms[i]);
}

static bool is_beside(const struct place *place, const char *parent, char access)
{
        size_t len = strlen(parent);

        return !place->is_dropped && place->is_free && place->access == access &&
               path_is_in(place->path, parent) && place->path[len] == '/' &&
               !strchr(place->path + len + 1, '/');
}

/* Three directories side by side become the one above them.  Returns 1 if there were. */
static int join_around(struct sorting *s, size_t at, struct err *e)
{
        const char *parent = path_parent(&s->l->arena, s->places[at].path, e);
        char access = s->places[at].access;
        size_t n = 0;

        if (!parent)
                return -e->code;
        if (is_above_floor(s, parent) || str_eq(parent, floor_of(s, parent)))
                return 0;
        for (size_t i = 0; i < s->n_places; i++)
                n += is_beside(&s->places[i], parent, access);
        if (n < 3)
                return 0;
        struct place *into = find_place(s, parent, access, e);
        if (!into)
                return -e->code;
        size_t index = (size_t)(into - s->places);
        for (size_t i = 0; i < s->n_places; i++) {
                if (i == index || !is_beside(&s->places[i], parent, access))
                        continue;
                join_into(&s->places[index], &s->places[i]);
                s->places[i].is_dropped = true;
        }
        s->places[index].is_whole = true;
        s->places[index].is_free = true;
        return 1;
}

static int join_all(struct sorting *s, struct err *e)
{
        for (size_t i = 0; i < s->n_places; i++) {
                if (!s->places[i].is_dropped && s->places[i].is_free && join_around(s, i, e) < 0)
                        return -e->code;
        }
        return 0;
}

static const char *granted_path(const struct place *place)
{
        return !place->is_whole && place->n_names == 1 ? place->names[0] : place->path;
}

static bool covers(const struct place *outer, const struct place *inner)
{
        const char *path = granted_path(outer);

        if (outer == inner || outer->is_dropped || (outer->access == 'r' && inner->access == 'w'))
                return false;
        if (!path_is_in(granted_path(inner), path))
                return false;
        return !str_eq(granted_path(inner), path) || outer->access != inner->access ||
               outer < inner;
}

static void drop_covered(struct sorting *s)
{
        for (size_t i = 0; i < s->n_places; i++) {
                for (size_t j = 0; j < s->n_places && !s->places[i].is_dropped; j++)
                        s->places[i].is_dropped = covers(&s->places[j], &s->places[i]);
        }
}

/* "a, b and 3 more" */
static const char *list_texts(struct sorting *s, const char *const *texts, size_t n,
                              const char *below, struct err *e)
{
        struct arena *a = &s->l->arena;
        const char *list = "";

        for (size_t i = 0; list && i < n && i < MAX_NAMED; i++) {
                size_t len = below && path_is_in(texts[i], below) ? strlen(below) : 0;
                const char *name = texts[i] + len + (len > 0 && texts[i][len] == '/');
                const char *safe = learn_safe(s->l, *name ? name : "itself", e);

                list = safe ? arena_print(a, e, "%s%s%s", list, i ? ", " : "", safe) : NULL;
        }
        if (list && n > MAX_NAMED)
                list = arena_print(a, e, "%s and %zu more", list, n - MAX_NAMED);
        return list;
}

static const char *reason_of(struct sorting *s, const struct place *place, struct err *e)
{
        const char *path = granted_path(place);
        const char *comms = list_texts(s, place->comms, place->n_comms, NULL, e);
        const char *names = comms && !str_eq(path, place->names[0])
                                    ? list_texts(s, place->names, place->n_names, path, e)
                                    : "";
        bool is_new = look(s, path, e) == LEARN_NOTHING;

        if (!names)
                return NULL;
        return arena_print(&s->l->arena, e, "%s by %s%s%s%s",
                           place->access == 'w' ? "written" : "read", comms, *names ? ": " : "",
                           names,
                           is_new ? "; not there yet: make it to keep what is written to it" : "");
}

/* Returns 1 if it may be shown; 0: it may not, and that is told. */
static int guard_place(struct sorting *s, const struct place *place, struct err *e)
{
        const char *dir = granted_path(place);
        const struct learn_shown shown = { .dir = dir,
                                           .access = place->access,
                                           .is_directory = look(s, dir, e) == LEARN_DIRECTORY,
                                           .used = s->used,
                                           .n_used = s->n_used,
                                           .secrets = s->secrets,
                                           .n_secrets = s->n_secrets };
        const struct learn_use use = { .access = place->access, .comm = place->comms[0] };
        const char *why = NULL;

        if (e->code != 0 || learn_hide_in_shown(s->l, s->c, &shown, &why, e) < 0)
                return -e->code;
        if (why)
                return tell_refused(s, &use, dir, why, e);
        if (shown.is_directory && place->access == 'w' &&
            learn_protect_in_shown(s->l, s->c, dir, e) < 0)
                return -e->code;
        return 1;
}

static int add_place(struct sorting *s, const struct place *place, struct err *e)
{
        const char *path = granted_path(place);
        enum learn_key key = place->access == 'w' ? LEARN_WRITABLE : LEARN_READABLE;
        const char *reason = reason_of(s, place, e);
        int may_show = reason ? guard_place(s, place, e) : -e->code;

        if (may_show <= 0)
                return may_show;
        return learn_add_line(s->l, key, true, path, reason, e);
}

int learn_settle_paths(struct learn *l, const struct learn_context *c, struct err *e)
{
        struct sorting s = { .l = l, .c = c };

        for (size_t i = 0; i < l->n_uses; i++) {
                if (is_of_path(&l->uses[i]) && sort_use(&s, &l->uses[i], e) < 0)
                        return -e->code;
        }
        if (join_all(&s, e) < 0)
                return -e->code;
        drop_covered(&s);
        for (size_t i = 0; i < s.n_places; i++) {
                if (!s.places[i].is_dropped && add_place(&s, &s.places[i], e) < 0)
                        return -e->code;
        }
        return 0;
}
