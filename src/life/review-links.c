#include "review-change.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/*
 * Files with several names.  What the payload has made of them is in the upper layer, and one name leads
 * the others.  Those that were there before the kernel takes apart when one name is written to: the
 * others go on showing what they had, to the payload as well, and so they do when it is applied.
 */

/* qsort(3) has no argument: what is sorted carries what it is sorted by. */
struct key {
        size_t place;
        const char *path;
        uint64_t ino;
        size_t index;
};

static int compare_paths(const void *a, const void *b)
{
        const struct key *x = a;
        const struct key *y = b;

        if (x->place != y->place)
                return x->place < y->place ? -1 : 1;
        return strcmp(x->path, y->path);
}

static int compare_inodes(const void *a, const void *b)
{
        const struct key *x = a;
        const struct key *y = b;

        if (x->place != y->place)
                return x->place < y->place ? -1 : 1;
        if (x->ino != y->ino)
                return x->ino < y->ino ? -1 : 1;
        return x->index < y->index ? -1 : x->index > y->index;
}

static struct key *make_keys(struct arena *a, const struct review_changes *c, struct err *e)
{
        struct key *keys = arena_alloc(a, (c->n + 1) * sizeof(*keys), e);

        for (size_t i = 0; keys && i < c->n; i++)
                keys[i] = (struct key){ c->items[i].place, c->items[i].path, 0, i };
        return keys;
}

int review_index_changes(struct review_changes *c, struct err *e)
{
        struct arena a = { 0 };
        struct key *keys = make_keys(&a, c, e);

        c->by_path = keys ? arena_alloc(&c->arena, (c->n + 1) * sizeof(*c->by_path), e) : NULL;
        if (c->by_path) {
                qsort(keys, c->n, sizeof(*keys), compare_paths);
                for (size_t i = 0; i < c->n; i++)
                        c->by_path[i] = keys[i].index;
        }
        arena_done(&a);
        return c->by_path ? 0 : -e->code;
}

/* Of the names of one upper file the first leads. */
static void lead(struct review_changes *c, const struct key *keys, size_t n)
{
        for (size_t i = 1; i < n; i++) {
                struct review_change *change = &c->items[keys[i].index];
                bool is_same_file =
                        keys[i].place == keys[i - 1].place && keys[i].ino == keys[i - 1].ino;

                if (!is_same_file)
                        continue;
                const struct review_change *before = &c->items[keys[i - 1].index];
                change->leader =
                        before->leader != REVIEW_NO_LEADER ? before->leader : keys[i - 1].index;
                const struct review_change *leader = &c->items[change->leader];
                if (change->lower.exists && S_ISREG(change->lower.mode) &&
                    change->lower.ino != leader->lower.ino) {
                        change->is_only_link = change->kind == REVIEW_SAME;
                        change->kind = REVIEW_CHANGED;
                }
        }
}

static int find_leaders(struct review_changes *c, struct arena *a, struct err *e)
{
        struct key *keys = make_keys(a, c, e);
        size_t n = 0;

        if (!keys)
                return -e->code;
        for (size_t i = 0; i < c->n; i++) {
                const struct review_change *change = &c->items[i];

                if (!S_ISREG(change->upper.mode) || change->upper.nlink < 2 || change->refused)
                        continue;
                keys[n] = keys[i];
                keys[n++].ino = change->upper.ino;
        }
        if (n > 1) {
                qsort(keys, n, sizeof(*keys), compare_inodes);
                lead(c, keys, n);
        }
        return 0;
}

int review_find_links(struct review_changes *c, struct err *e)
{
        struct arena a = { 0 };

        if (find_leaders(c, &a, e) == 0)
                review_index_changes(c, e);
        arena_done(&a);
        return -e->code;
}
