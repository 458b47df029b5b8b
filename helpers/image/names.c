#include "names.h"

#include "mem.h"
#include "store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ------ gathering ------ */

struct gather {
        const char *after; /* only names behind this one; "": all */
        size_t most;
        char *text;
        size_t used;
        size_t room;
        uint32_t *offsets; /* of the names in the text */
        size_t n;
        size_t n_room;
        bool is_cut; /* names from this one on were left out: */
        char bound[LIMIT_NAME + 1];
};

static int compare_names(const void *a, const void *b, void *text)
{
        const uint32_t *x = a;
        const uint32_t *y = b;

        return strcmp((const char *)text + *x, (const char *)text + *y);
}

static int compare_offsets(const void *a, const void *b)
{
        const uint32_t *x = a;
        const uint32_t *y = b;

        return (*x > *y) - (*x < *y);
}

static void sort(struct gather *g)
{
        if (g->n > 1)
                qsort_r(g->offsets, g->n, sizeof(*g->offsets), compare_names, g->text);
}

/* Keeps the smaller half of the names. */
static void halve(struct gather *g)
{
        size_t to = 0;

        sort(g);
        g->n /= 2;
        const char *bound = g->text + g->offsets[g->n];
        memcpy(g->bound, bound, strlen(bound) + 1);
        g->is_cut = true;
        qsort(g->offsets, g->n, sizeof(*g->offsets), compare_offsets);
        for (size_t i = 0; i < g->n; i++) {
                size_t size = strlen(g->text + g->offsets[i]) + 1;

                memmove(g->text + to, g->text + g->offsets[i], size);
                g->offsets[i] = (uint32_t)to;
                to += size;
        }
        g->used = to;
}

static int grow(void *items, size_t *room, size_t wanted, size_t size, struct err *e)
{
        void *list;
        size_t n = *room ? *room : 1024;

        if (wanted <= *room)
                return 0;
        while (n < wanted)
                n *= 2;
        memcpy(&list, items, sizeof(list));
        list = realloc(list, n * size);
        if (!list)
                return err_set(e, ENOMEM, "out of memory");
        memcpy(items, &list, sizeof(list));
        *room = n;
        return 0;
}

static bool is_wanted(const struct gather *g, const char *name)
{
        return strcmp(name, g->after) > 0 && (!g->is_cut || strcmp(name, g->bound) < 0);
}

static int add_name(void *context, const char *name, struct err *e)
{
        struct gather *g = context;
        size_t size = strlen(name) + 1;

        if (size > sizeof(g->bound))
                return err_set(e, ENAMETOOLONG, "'%.200s...' is too long", name);
        if (!is_wanted(g, name))
                return 0;
        if (g->n > 1 && g->used + size + (g->n + 1) * sizeof(*g->offsets) > g->most) {
                halve(g);
                if (!is_wanted(g, name))
                        return 0;
        }
        if (grow(&g->text, &g->room, g->used + size, 1, e) < 0 ||
            grow(&g->offsets, &g->n_room, g->n + 1, sizeof(*g->offsets), e) < 0)
                return -e->code;
        memcpy(g->text + g->used, name, size);
        g->offsets[g->n++] = (uint32_t)g->used;
        g->used += size;
        return 0;
}

/* ------ keeping ------ */

/* The sorted names, or of a long list as many as a window takes; the others go to the file. */
static int keep(struct names *names, const struct gather *g, struct err *e)
{
        bool is_long = names->scratch && g->used > NAMES_HELD;
        size_t room = is_long ? NAMES_HELD : g->used;

        names->text = malloc(room ? room : 1);
        if (!names->text)
                return err_set(e, ENOMEM, "out of memory");
        for (size_t i = 0; i < g->n; i++) {
                const char *name = g->text + g->offsets[i];
                size_t size = strlen(name) + 1;

                if (names->used + size > room) {
                        if (scratch_add(names->scratch, names->text, names->used, e) < 0)
                                return -e->code;
                        names->used = 0;
                }
                memcpy(names->text + names->used, name, size);
                names->used += size;
        }
        if (!is_long)
                return 0;
        if (scratch_add(names->scratch, names->text, names->used, e) < 0)
                return -e->code;
        names->used = 0;
        names->end = names->scratch->end;
        return 0;
}

static void drop(struct names *names)
{
        free(names->text);
        names->text = NULL;
        names->used = 0;
        names->at = 0;
        if (names->scratch)
                names->scratch->end = names->start;
        names->next = names->start;
        names->end = names->start;
}

/* Those that follow the last one. */
static int gather(struct names *names, struct err *e)
{
        struct gather g = { .after = names->last,
                            .most = names->scratch ? names->most : UINT32_MAX };

        drop(names);
        int r = store_list(names->dir, add_name, &g, e);
        if (r == 0) {
                sort(&g);
                r = keep(names, &g, e);
        }
        names->has_more = g.is_cut;
        free(g.text);
        free(g.offsets);
        return r;
}

/* The next window: whole names, as the last one in it may go on in the file. */
static int fill(struct names *names, struct err *e)
{
        uint64_t left = names->end - names->next;
        size_t size = left < NAMES_HELD ? (size_t)left : NAMES_HELD;

        if (scratch_read(names->scratch, names->next, names->text, size, e) < 0)
                return -e->code;
        while (size > 0 && names->text[size - 1])
                size--;
        if (size == 0)
                return err_set(e, EIO, "a temporary file in the image store was changed");
        names->next += size;
        names->used = size;
        names->at = 0;
        return 0;
}

int names_open(struct names *names, int dir, struct scratch *scratch, size_t most, struct err *e)
{
        *names = (struct names){ .dir = dir, .scratch = scratch, .most = most };
        if (scratch)
                names->start = scratch->end;
        return gather(names, e);
}

int names_next(struct names *names, const char **ret, struct err *e)
{
        int r = 0;

        if (names->at == names->used && names->next == names->end && names->has_more)
                r = gather(names, e);
        if (r == 0 && names->at == names->used && names->next < names->end)
                r = fill(names, e);
        if (r < 0)
                return r;
        *ret = NULL;
        if (names->at == names->used)
                return 0;
        size_t size = strlen(names->text + names->at) + 1;
        memcpy(names->last, names->text + names->at, size);
        names->at += size;
        *ret = names->last;
        return 0;
}

void names_done(struct names *names)
{
        drop(names);
}
