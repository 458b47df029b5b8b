#ifndef KELP_LIFE_RUN_HINT_H
#define KELP_LIFE_RUN_HINT_H

#include "err.h"
#include "plan.h"

/*
 * The hint of a failed run whose reason is in what was asked, and not in the machine: a command that
 * was not found, an image that is none.  An error that has a hint stays as it is.
 */
void run_hint(const struct plan *p, struct err *e);

/*
 * What the words of a command that was not found say of that, wherever it was to run: a variable, a
 * word of the shell, several words in one.  `before` is what stands in front of a command.
 */
void run_hint_words(const char *const *argv, size_t n_args, const char *before, struct err *e);

#endif
