#ifndef KELP_PLAN_WORD_H
#define KELP_PLAN_WORD_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Copies `text` to `buffer` as a word of a shell: bare where that is enough, else in single quotes.
 * What a terminal obeys is escaped first (str_escape), so such a word is for the eye alone.  What
 * does not fit is cut; the quotes are closed.  Returns `buffer`; `size` is at least 8.
 */
char *word_quote(char *buffer, size_t size, const char *text);

/* The same of a command line, a blank between its words; those that do not fit are left out. */
char *word_quote_command(char *buffer, size_t size, const char *const *argv);

/* Whether a policy takes a bare word for two paths without a blank between them. */
bool word_looks_joined(const char *text);

/* Whether it bears the marks of another syntax: a ',' behind it, or single quotes around it. */
bool word_looks_foreign(const char *text);

/* Whether a policy may hold it: UTF-8 without control characters, which an eye cannot see. */
bool word_is_readable(const char *text);

/*
 * Copies `text` to `buffer` as a word of a policy that means just that: in quotes where there is a
 * blank, or what would be a pattern, a variable or a slip.  False: it does not fit, or no word can
 * say it.
 */
bool word_quote_line(char *buffer, size_t size, const char *text);

#endif
