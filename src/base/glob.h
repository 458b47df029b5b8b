#ifndef KELP_BASE_GLOB_H
#define KELP_BASE_GLOB_H

#include "err.h"
#include "mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Patterns of paths, as text: "*" and "?" for what is in a name (also a dot at its start), "[a-z]"
 * and "[!a-z]" for one byte of it, a component "**" for any number of directories, none as well.
 * There is no escape: "[*]" is a star.  Nothing takes more than time in proportion to the length of
 * the pattern times that of the name: a pattern may come from somebody who wants to keep us busy.
 */

/* Whether there is anything in it that is not taken literally. */
bool glob_is_pattern(const char *text);

/* The length of the part in front of the first component that is a pattern: without its slash. */
size_t glob_base_len(const char *pattern);

#define GLOB_MAX_PARTS 32

/* A pattern cut into its components. */
struct glob {
        const char *parts[GLOB_MAX_PARTS];
        size_t n;
};

/* Cuts a relative pattern.  Errors: too many components; "[" without an end. */
int glob_parse(struct arena *a, const char *pattern, struct glob *ret, struct err *e);

/*
 * The tree of names is walked from the top with a set of states: which components are still to be
 * matched.  glob_start() is the set at the top; glob_step() the one behind a name, which is empty
 * where nothing below can match; it says in *ret_is_match whether the name itself is one.
 */
uint64_t glob_start(const struct glob *g);
uint64_t glob_step(const struct glob *g, uint64_t states, const char *name, bool *ret_is_match);

#endif
