#ifndef KELP_CLI_BOX_FIND_H
#define KELP_CLI_BOX_FIND_H

#include "state.h"

/*
 * As state_find(), for what a user has typed: a word that is no sandbox's but a review's has a hint
 * that says what is done with one.
 */
int box_find(const struct state *s, const char *word, struct box_status *ret, struct err *e);

/* That hint alone, in an error that is ENOENT; false: the word is no review's either. */
bool box_find_hint(const char *word, struct err *e);

#endif
