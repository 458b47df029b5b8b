#ifndef KELP_LIFE_REVIEW_APPLY_H
#define KELP_LIFE_REVIEW_APPLY_H

#include "review-change.h"

struct review_request {
        const char *const *paths; /* of the host, clean: these and what is below; none: all */
        size_t n_paths;
        bool overwrites; /* what is a conflict, too */
};

enum review_fate {
        REVIEW_NOT_ASKED,
        REVIEW_IN_PLACE, /* it was already */
        REVIEW_APPLIED,
        REVIEW_LEFT_CONFLICT, /* the user changed it meanwhile */
        REVIEW_LEFT_REFUSED,
        REVIEW_LEFT_ABOVE, /* the directory that it belongs into was not applied */
};

/* What became of one change. */
struct review_outcome {
        enum review_fate fate;
        bool was_opened;   /* a directory that its owner may not write to: for a while he may */
        unsigned was_mode; /* its mode before that */
};

/*
 * Puts the changes in place that are asked for; *ret has one outcome a change, also after an error, in
 * the arena of `c`.  Repeated, it goes on where it ended.
 */
int review_apply(struct review_changes *c, const struct review_request *request,
                 struct review_outcome **ret, struct err *e);

/* Whether a request names the change, by itself or a directory above it. */
bool review_is_asked(const struct review_changes *c, const struct review_request *request,
                     const struct review_change *change);

#endif
