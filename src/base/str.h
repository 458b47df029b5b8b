#ifndef KELP_BASE_STR_H
#define KELP_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>

bool str_eq(const char *a, const char *b);
bool str_has_prefix(const char *text, const char *prefix);
bool str_has_suffix(const char *text, const char *suffix);

/* Whether all of it is well-formed. */
bool str_is_utf8(const char *text);

/*
 * Copies `text` (`len` bytes) to `buffer` so that it is safe on a terminal: control characters
 * (C0, DEL, C1), invalid UTF-8 and the bidirectional overrides come out as \xNN.  Always
 * terminates; what does not fit is cut at a character.  Returns `buffer`.
 */
char *str_escape(char *buffer, size_t size, const char *text, size_t len);

/*
 * The entry of `names` (NULL-terminated) nearest to `word`, or NULL when none is near enough to
 * be what was meant.  Distance is optimal string alignment.
 */
const char *str_nearest(const char *word, const char *const *names);

/* Whether `a` is near enough to `b` to be a slip of the hand; *ret_distance may be NULL. */
bool str_is_near(const char *a, const char *b, size_t *ret_distance);

/*
 * Takes the next field off *at, up to `separator` or the end, and terminates it in place.
 * Returns NULL when *at is NULL; *at becomes NULL after the last field.
 */
char *str_next_field(char **at, char separator);

#define STR_HEX_LOWER "0123456789abcdef"
#define STR_HEX_UPPER "0123456789ABCDEF"

/* The byte that the first two characters of `text` are, written with `digits`; -1: none. */
int str_hex_byte(const char *text, const char *digits);

/* Cuts white space off both ends, in place; returns the new start. */
char *str_trim(char *text);

#endif
