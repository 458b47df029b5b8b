#ifndef KELP_LIFE_REVIEW_TELL_H
#define KELP_LIFE_REVIEW_TELL_H

#include "review-apply.h"

#include <limits.h>
#include <stdio.h>

/* Changes in words.  Every name comes from inside: it is escaped. */

struct review_counts {
        size_t kinds[REVIEW_KIND_COUNT];
        size_t n; /* all that are told of */
        size_t n_conflicts;
        size_t n_refused;
        size_t n_protected;
};

void review_count(const struct review_changes *c, const struct review_request *request,
                  struct review_counts *ret);

/* "3 added, 1 changed, 2 deleted"; "nothing" where there is none. */
void review_describe(const struct review_counts *counts, char *ret, size_t size);

/*
 * One line of the list: "D  src/old.c", with what else there is to say; of several directories with
 * the whole path on the host.  With `is_short` for a message, in which long names leave room for what is
 * said of them.
 */
#define REVIEW_LINE_MAX ((size_t)17 * PATH_MAX)
void review_put_line(const struct review_changes *c, const struct review_change *change,
                     bool is_short, char *ret, size_t size);

/*
 * Whether it lets others in, now or later: anybody may write to it, or what is made in it gets an
 * access control list that what is around it does not have.
 */
bool review_lets_others_in(const struct review_changes *c, const struct review_change *change);

/* One that is named whatever else there is: to let it in may cost more than a look at a new file. */
bool review_is_always_named(const struct review_changes *c, const struct review_change *change);

/* All of it, to `out`. */
void review_print(FILE *out, const struct review_changes *c, const struct review_request *request);

/*
 * At the end of the run, on stderr: what there is, each deletion, each conflict, each name that takes
 * effect outside, and some of the rest.  `is_logged`: into a log, of which it must not take all.
 */
void review_tell_end(const struct review_changes *c, bool is_logged);

/* The content as a patch for patch(1) and git; escaped where `out` is a terminal. */
int review_print_patch(FILE *out, const struct review_changes *c,
                       const struct review_request *request, struct err *e);

#endif
