#include "state.h"

#include "fd.h"
#include "mem.h"
#include "state-inner.h"
#include "str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* More than any machine runs. */
#define MAX_BOXES 100000

/* Of an ambiguous beginning of an id so many are named. */
#define MAX_NAMED 4

struct listing {
        struct box_status *items;
        size_t n;
        size_t room;
};

static int add(struct listing *l, const struct box_status *status, struct err *e)
{
        if (l->n == MAX_BOXES)
                return err_set(e, E2BIG, "there are more than %d sandboxes", MAX_BOXES);
        if (mem_grow(&l->items, l->n, &l->room, sizeof(*l->items), e) < 0)
                return -e->code;
        l->items[l->n++] = *status;
        return 0;
}

/* One that is not there yet or any more is left out, one that cannot be read is not. */
static int look_at(const struct state *s, const char *id, struct listing *l, struct err *e)
{
        struct box_status status;
        struct err why = { 0 };

        if (state_read_status(s, id, &status, &why) == 0)
                return add(l, &status, e);
        if (why.code == ENOENT)
                return 0;
        *e = why;
        return err_prefix(e, "sandbox '%s'", id);
}

static int collect(const struct state *s, struct listing *l, struct err *e)
{
        /* a descriptor of its own: the place in the directory belongs to it */
        int fd = openat(s->boxes, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        autodir *dir = fd_take_dir(&fd);
        struct dirent *entry;

        if (!dir)
                return errno == ENOENT ? 0 : err_sys(e, "cannot list '%s/boxes'", s->path);
        while (errno = 0, (entry = readdir(dir))) {
                if (box_is_id(entry->d_name) && look_at(s, entry->d_name, l, e) < 0)
                        return -e->code;
        }
        return errno ? err_sys(e, "cannot list '%s/boxes'", s->path) : 0;
}

static int compare(const void *a, const void *b)
{
        const struct box_status *x = a;
        const struct box_status *y = b;

        if (x->created_s != y->created_s)
                return x->created_s < y->created_s ? -1 : 1;
        return strcmp(x->id, y->id);
}

int state_list(const struct state *s, state_each_fn *each, void *arg, struct err *e)
{
        struct listing l = { 0 };
        int r;

        if (s->boxes < 0)
                return 0;
        r = collect(s, &l, e);
        if (r == 0 && l.n > 1)
                qsort(l.items, l.n, sizeof(*l.items), compare);
        for (size_t i = 0; r == 0 && i < l.n; i++) {
                r = each(arg, &l.items[i], e);
                if (r > 0)
                        r = 0;
        }
        mem_free_at(&l.items);
        return r;
}

/* The ids that begin so: how many, the first of them, and a text that names some. */
struct matches {
        const char *start;
        size_t n;
        char id[BOX_ID_SIZE];
        char named[MAX_NAMED * (BOX_ID_SIZE + 1) + 8];
};

static void match(struct matches *m, const char *id)
{
        size_t used = strlen(m->named);

        if (!box_is_id(id) || !str_has_prefix(id, m->start))
                return;
        memcpy(m->id, id, sizeof(m->id));
        if (m->n < MAX_NAMED)
                snprintf(m->named + used, sizeof(m->named) - used, " %s", id);
        else if (m->n == MAX_NAMED)
                snprintf(m->named + used, sizeof(m->named) - used, " ...");
        m->n++;
}

static int match_ids(const struct state *s, struct matches *m, struct err *e)
{
        int fd = openat(s->boxes, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        autodir *dir = fd_take_dir(&fd);
        struct dirent *entry;

        if (!dir)
                return err_sys(e, "cannot list '%s/boxes'", s->path);
        while (errno = 0, (entry = readdir(dir)))
                match(m, entry->d_name);
        return errno ? err_sys(e, "cannot list '%s/boxes'", s->path) : 0;
}

struct guess {
        const char *word;
        /* the nearest one; empty: none is near */
        char name[sizeof(((struct box_status *)0)->name)];
        size_t distance;
};

static int compare_name(void *arg, const struct box_status *status, struct err *e)
{
        struct guess *g = arg;
        size_t distance;

        (void)e;
        if (status->name[0] && str_is_near(g->word, status->name, &distance) &&
            (!g->name[0] || distance < g->distance)) {
                memcpy(g->name, status->name, sizeof(g->name));
                g->distance = distance;
        }
        return 0;
}

static int not_found(const struct state *s, const char *word, struct err *e)
{
        struct guess g = { .word = word };
        struct err unused = { 0 };

        err_set(e, ENOENT, "there is no sandbox '%s'", word);
        /* a letter or two are near to every other */
        if (strlen(word) > 2 && state_list(s, compare_name, &g, &unused) == 0 && g.name[0])
                return err_hint(e, "did you mean '%s'", g.name);
        /* it may have been started where XDG_RUNTIME_DIR was another */
        return err_hint(e, "kelp ps -a lists those of '%s'", s->path);
}

int state_find(const struct state *s, const char *word, struct box_status *ret, struct err *e)
{
        struct matches m = { .start = word };
        size_t len = strlen(word);

        if (len == 0)
                return err_set(e, EINVAL, "the name of the sandbox is empty");
        if (s->boxes < 0)
                return not_found(s, word, e);
        if (!state_follow_name(s, word, m.id)) {
                if (len < BOX_ID_SIZE && strspn(word, STR_HEX_LOWER) == len &&
                    match_ids(s, &m, e) < 0)
                        return -e->code;
                if (m.n == 0)
                        return not_found(s, word, e);
                if (m.n > 1) {
                        err_set(e, ENOTUNIQ, "'%s' begins the ids of several sandboxes:%s", word,
                                m.named);
                        return err_hint(e, "name more of it");
                }
        }
        if (state_read_status(s, m.id, ret, e) < 0)
                return e->code == ENOENT ? not_found(s, word, e) : -e->code;
        return 0;
}
