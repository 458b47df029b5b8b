#ifndef KELP_CLI_BOX_PRINT_H
#define KELP_CLI_BOX_PRINT_H

#include "box-status.h"
#include "review.h"

#include <stdio.h>

/* What is known of a sandbox, for people and for programs. */

#define BOX_PRINT_MAX 64

/* "Up 5 minutes", "Exited (3) 2 hours ago", "Lost 2 days ago". */
void box_print_state(const struct box_status *s, int64_t now_s, char text[BOX_PRINT_MAX]);

/* The limits on it as a whole, and who enforces each: one JSON object. */
void box_print_limits(FILE *out, const struct box_status *s);

/* "5 minutes"; at least a second. */
void box_print_span(int64_t seconds, char text[BOX_PRINT_MAX]);

/* An object without its braces: "id": ..., ...; `separator` stands between the members. */
void box_print_json(FILE *out, const struct box_status *s, const char *separator);

/* A string of JSON, with its quotes. */
void box_print_string(FILE *out, const char *text);

/* The same of a review: what a run with --review has left to be looked at, or will. */
void box_print_review(FILE *out, const struct review *r, const char *separator);

/* "waiting", "running", "damaged". */
const char *box_print_review_state(const struct review *r);

/* The directory of `id` below `root`, as such a string. */
void box_print_path(FILE *out, const char *root, const char *id);

#endif
