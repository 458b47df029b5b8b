#ifndef KELP_PLAN_WORD_H
#define KELP_PLAN_WORD_H

#include <stddef.h>

/*
 * Copies `text` to `buffer` as a word of a shell: bare where that is enough, else in single quotes.
 * What a terminal obeys is escaped first (str_escape), so such a word is for the eye alone.  What
 * does not fit is cut; the quotes are closed.  Returns `buffer`; `size` is at least 8.
 */
char *word_quote(char *buffer, size_t size, const char *text);

#endif
