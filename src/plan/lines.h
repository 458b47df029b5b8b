#ifndef KELP_PLAN_LINES_H
#define KELP_PLAN_LINES_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

/* The lines and words of a policy. */

#define LINES_MAX_TEXT ((size_t)4 * 1024 * 1024)
#define LINES_MAX      100000
#define LINES_MAX_LEN  4096

struct lines {
        const char *name; /* for messages */
        const char *at;
        size_t number; /* of the line that was taken last, from 1 */
        char line[LINES_MAX_LEN];
};

/* A text of at most LINES_MAX_TEXT bytes. */
int lines_start(struct lines *l, const char *text, const char *name, struct err *e);

/* Takes the next line into l->line.  Returns 1, or 0 at the end. */
int lines_next(struct lines *l, struct err *e);

/* Puts "NAME:LINE: " in front of the error.  Returns -e->code. */
int lines_err(const struct lines *l, struct err *e);

/* Whether a line has what an eye cannot see, or an editor shows as something else: an error. */
int lines_check(const char *line, struct err *e);

/* Whether the next word stands in quotes. */
bool lines_is_quoted(const char *at);

/*
 * Takes the next word off *at: separated by blanks, or in double quotes, in which a backslash
 * stands before a quote or a backslash.  The word is ended in place.
 * Returns 1, or 0 at the end of the text.
 */
int lines_next_word(char **at, char **ret_word, struct err *e);

/* An error: `word` is no `what` ("key").  The hint has the nearest of `known`, which ends in NULL, or all. */
int lines_unknown(const char *what, const char *word, const char *const *known, struct err *e);

#endif
