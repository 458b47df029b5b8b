#include "box-find.h"

#include "facts.h"
#include "mem.h"
#include "review.h"

#include <errno.h>

static bool find_review(struct arena *a, const char *word, char id[REVIEW_ID_LEN + 1])
{
        struct plan_facts facts;
        struct err unused = { 0 };
        const char *root;

        return facts_find(a, &facts, &unused) == 0 &&
               review_find_root(a, facts.home, &root, &unused) == 0 &&
               review_find(root, word, id, &unused) == 0;
}

bool box_find_hint(const char *word, struct err *e)
{
        struct arena arena = { 0 };
        char id[REVIEW_ID_LEN + 1];
        bool is_review = find_review(&arena, word, id);

        if (is_review)
                err_hint(e,
                         "it is a review: kelp diff %s shows it, kelp apply %s lets it in, kelp "
                         "discard %s throws it away",
                         id, id, id);
        arena_done(&arena);
        return is_review;
}

int box_find(const struct state *s, const char *word, struct box_status *ret, struct err *e)
{
        if (state_find(s, word, ret, e) == 0)
                return 0;
        if (e->code == ENOENT)
                box_find_hint(word, e);
        return -e->code;
}
