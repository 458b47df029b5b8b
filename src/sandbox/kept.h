#ifndef KELP_SANDBOX_KEPT_H
#define KELP_SANDBOX_KEPT_H

#include "plan.h"

#include <stdbool.h>

/*
 * A sandbox that is kept: a directory of the user's own beside the image store, mode 0700.
 *
 *      kept/NAME/lock          flock: held by kelp and by pid 1 of a run for as long as either
 *                              lives; in it, the number of that kelp
 *      kept/NAME/image         the image.policy of the image that it belongs to, or
 *      kept/NAME/directory     the path of the plain directory that it belongs to
 *      kept/NAME/subids        is there once a run had subordinate ids: they own files in it
 *      kept/NAME/upper, work   the overlay's
 *      kept/NAME/made          what kelp itself has made in upper (made.h)
 *
 * Who removes one takes the lock and renames the directory first, so no part of one has its name.
 */
struct kept {
        int dir;           /* -1: the run is not kept */
        int lock;          /* the descriptor that pid 1 holds, too */
        bool is_new;       /* nobody has kept anything there before */
        bool has_new_mark; /* `subids` was made for this run */
};

#define KEPT_NONE                                                                                  \
        {                                                                                          \
                .dir = -1, .lock = -1                                                              \
        }

/*
 * Opens and locks the directory of the plan, if it has one, making what is missing of it.  Errors:
 * EBUSY when another run has it, EEXIST when it belongs to another image, EINVAL when nothing says to
 * which one, EPERM when it is not the user's alone.
 */
int kept_open(const struct plan *p, struct kept *ret, struct err *e);

/* Judges and notes whether this run has subordinate ids.  May be asked again for the same run. */
int kept_check_ids(struct kept *k, const struct plan *p, bool has_subids, struct err *e);

/*
 * Removes a sandbox again that this run has made and in which nothing ever ran; any other is left.
 * The run is over, and its lock still held.
 */
int kept_take_back(const struct kept *k, const struct plan *p, struct err *e);

void kept_done(struct kept *k);

#endif
