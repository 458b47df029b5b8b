#include "review-lines.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define MAX_EDITS 1500 /* deleted and added lines; the work grows with their square */

int review_split_lines(struct arena *a, const char *data, size_t len, struct review_text *ret,
                       struct err *e)
{
        size_t n = 0;

        *ret = (struct review_text){ 0 };
        for (size_t i = 0; i < len; i++)
                n += data[i] == '\n';
        if (n > REVIEW_MAX_LINES)
                return err_set(e, E2BIG, "too many lines");
        ret->lines = arena_alloc(a, (n + 1) * sizeof(*ret->lines), e);
        if (!ret->lines)
                return -e->code;
        for (size_t at = 0; at < len;) {
                const char *end = memchr(data + at, '\n', len - at);
                size_t line = end ? (size_t)(end - data) + 1 - at : len - at;

                ret->lines[ret->n++] = (struct review_line){ data + at, line };
                at += line;
        }
        return 0;
}

static bool is_same(const struct review_line *a, const struct review_line *b)
{
        return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

/* What is left of both texts without what they begin and end with alike. */
struct middle {
        const struct review_line *old;
        const struct review_line *new_;
        long n_old;
        long n_new;
        size_t n_head;
};

static struct middle find_middle(const struct review_text *old, const struct review_text *new_)
{
        size_t head = 0;
        size_t tail = 0;
        size_t least = old->n < new_->n ? old->n : new_->n;

        while (head < least && is_same(&old->lines[head], &new_->lines[head]))
                head++;
        while (tail < least - head &&
               is_same(&old->lines[old->n - 1 - tail], &new_->lines[new_->n - 1 - tail]))
                tail++;
        return (struct middle){ .old = old->lines + head,
                                .new_ = new_->lines + head,
                                .n_old = (long)(old->n - head - tail),
                                .n_new = (long)(new_->n - head - tail),
                                .n_head = head };
}

/* How far the paths of `d` edits get on each diagonal; row d of `trace`, which all rows share. */
struct search {
        const struct middle *m;
        int *trace;
        size_t width;
};

static int *row_of(const struct search *s, long d)
{
        return s->trace + (size_t)d * s->width + s->width / 2;
}

static long reach(const struct search *s, const int *before, long d, long k)
{
        long x;

        if (d == 0)
                x = 0;
        else if (k == -d || (k != d && before[k - 1] < before[k + 1]))
                x = before[k + 1];
        else
                x = before[k - 1] + 1;
        long y = x - k;
        while (x < s->m->n_old && y >= 0 && y < s->m->n_new &&
               is_same(&s->m->old[x], &s->m->new_[y])) {
                x++;
                y++;
        }
        return x;
}

/* The number of edits; -1: more than are looked for. */
static long find_distance(const struct search *s, long max)
{
        for (long d = 0; d <= max; d++) {
                int *row = row_of(s, d);
                const int *before = d > 0 ? row_of(s, d - 1) : NULL;

                for (long k = -d; k <= d; k += 2) {
                        long x = reach(s, before, d, k);

                        row[k] = (int)x;
                        if (x >= s->m->n_old && x - k >= s->m->n_new)
                                return d;
                }
        }
        return -1;
}

/* Marks what goes and what comes, from the end back to the start. */
static void walk_back(const struct search *s, long distance, bool *goes, bool *comes)
{
        long x = s->m->n_old;
        long y = s->m->n_new;

        for (long d = distance; d > 0; d--) {
                const int *before = row_of(s, d - 1);
                long k = x - y;
                bool is_down = k == -d || (k != d && before[k - 1] < before[k + 1]);
                long from_k = is_down ? k + 1 : k - 1;
                long from_x = before[from_k];
                long from_y = from_x - from_k;

                if (is_down)
                        comes[from_y] = true;
                else
                        goes[from_x] = true;
                x = from_x;
                y = from_y;
        }
}

static int add_edit(struct arena *a, const struct review_edit *edit, struct review_edit **ret,
                    size_t *ret_n, struct err *e)
{
        if (arena_grow(a, ret, *ret_n, sizeof(**ret), REVIEW_MAX_LINES, "edits", e) < 0)
                return -e->code;
        (*ret)[(*ret_n)++] = *edit;
        return 0;
}

static int collect(struct arena *a, const struct middle *m, const bool *goes, const bool *comes,
                   struct review_edit **ret, size_t *ret_n, struct err *e)
{
        for (long x = 0, y = 0; x < m->n_old || y < m->n_new;) {
                struct review_edit edit = { .old = m->n_head + (size_t)x,
                                            .new_ = m->n_head + (size_t)y };

                for (; x < m->n_old && goes[x]; x++)
                        edit.n_old++;
                for (; y < m->n_new && comes[y]; y++)
                        edit.n_new++;
                if (edit.n_old == 0 && edit.n_new == 0) {
                        x++;
                        y++;
                } else if (add_edit(a, &edit, ret, ret_n, e) < 0) {
                        return -e->code;
                }
        }
        return 0;
}

static int search(struct arena *a, const struct middle *m, bool *goes, bool *comes, struct err *e)
{
        long max = m->n_old + m->n_new < MAX_EDITS ? m->n_old + m->n_new : MAX_EDITS;
        struct search s = { .m = m, .width = 2 * (size_t)max + 3 };

        s.trace = arena_alloc(a, ((size_t)max + 1) * s.width * sizeof(*s.trace), e);
        if (!s.trace)
                return -e->code;
        long distance = find_distance(&s, max);
        if (distance >= 0) {
                walk_back(&s, distance, goes, comes);
                return 0;
        }
        memset(goes, true, (size_t)m->n_old);
        memset(comes, true, (size_t)m->n_new);
        return 0;
}

int review_compare_lines(struct arena *a, const struct review_text *old,
                         const struct review_text *new_, struct review_edit **ret, size_t *ret_n,
                         struct err *e)
{
        const struct middle m = find_middle(old, new_);
        bool *goes = arena_alloc(a, (size_t)m.n_old + 1, e);
        bool *comes = goes ? arena_alloc(a, (size_t)m.n_new + 1, e) : NULL;

        *ret = NULL;
        *ret_n = 0;
        if (!comes || search(a, &m, goes, comes, e) < 0)
                return -e->code;
        return collect(a, &m, goes, comes, ret, ret_n, e);
}
