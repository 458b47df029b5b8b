#ifndef KELP_LIFE_REVIEW_GUARD_H
#define KELP_LIFE_REVIEW_GUARD_H

#include "err.h"
#include "plan.h"

#include <stddef.h>

/*
 * The directory of the reviews is hidden from every sandbox, but only what is there can be covered:
 * where it is missing, a payload that may write to a directory around it could make it, with reviews
 * of its own.  So for such a run it is made, and removed at its end when it is empty.
 *
 * A directory that is removed outside takes along what is mounted on it inside.  So who relies on it
 * holds its lock, shared, and only who can have that lock alone removes it: the last one.
 */
struct guarded_dir {
        const char *path; /* belongs to the plan */
        int lock;         /* the directory, locked; -1: not yet */
        size_t n_missing; /* how many components of the path were not there */
};

/* Those that the payload can write around. */
struct review_guard {
        struct guarded_dir dirs[PLAN_MAX_PLACES];
        size_t n;
};

#define REVIEW_GUARD_NONE                                                                          \
        {                                                                                          \
                .n = 0                                                                             \
        }

/* Before the view is built, which finds the directory then. */
int review_guard_take(struct review_guard *g, const struct plan_files *files, struct err *e);

/* When nothing of the sandbox runs any more.  What cannot be removed is an empty directory. */
void review_guard_done(struct review_guard *g);

#endif
