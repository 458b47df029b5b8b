#ifndef KELP_LIFE_REVIEW_PUT_H
#define KELP_LIFE_REVIEW_PUT_H

#include "review-change.h"

/*
 * Puts one change in its place, in one step that is there or not.  `parent` is the directory on the
 * host, `upper` the one of the upper layer, `name` the name in both.
 *
 * Returns 0; -EEXIST when the place is not as it was judged, which is left as it was; another negative
 * errno with `e` set.
 */

struct review_put {
        const struct review *review;
        const struct review_change *change;
        int parent;
        int upper;
        const char *name;
        const char *temp; /* a name of ours, which is free */
        /* another name of the same file, which is in place; -1: none */
        int leader_parent;
        const char *leader_name;
};

/* Names of ours begin like this, and go when an apply is repeated. */
#define REVIEW_TEMP ".kelp-apply-"

int review_put_new(const struct review_put *p, struct err *e);
int review_put_removal(const struct review_put *p, struct err *e);

/* Mode, attributes and times alone, in place. */
int review_put_looks(const struct review_put *p, struct err *e);

/* Names of ours that an apply of review `id` has left in `dir` when it was killed. */
int review_sweep_temps(int dir, const char *id, struct err *e);

#endif
