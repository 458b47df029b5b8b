#ifndef KELP_LIFE_REVIEW_LINES_H
#define KELP_LIFE_REVIEW_LINES_H

#include "err.h"
#include "mem.h"

#include <stddef.h>
#include <stdint.h>

/*
 * The difference of two texts, line by line (E. W. Myers, "An O(ND) Difference Algorithm", 1986).
 * Where they have little in common all of the old goes and all of the new comes: what is compared may
 * come from somebody who wants to keep us busy.
 */

struct review_line {
        const char *text; /* with its newline, but for a last one that has none */
        size_t len;
};

struct review_text {
        struct review_line *lines;
        size_t n;
};

/* One run of lines: `n_old` of the old text from `old` are replaced by `n_new` of the new from `new_`. */
struct review_edit {
        size_t old;
        size_t n_old;
        size_t new_;
        size_t n_new;
};

#define REVIEW_MAX_LINES 1000000

int review_split_lines(struct arena *a, const char *data, size_t len, struct review_text *ret,
                       struct err *e);

/* The edits in order, none touching the next. */
int review_compare_lines(struct arena *a, const struct review_text *old,
                         const struct review_text *new_, struct review_edit **ret, size_t *ret_n,
                         struct err *e);

#endif
