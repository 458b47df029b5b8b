#ifndef KELP_CLI_LEARN_WALK_H
#define KELP_CLI_LEARN_WALK_H

#include "learn.h"

/* The host's side of learn_context.walk; `unused` is its argument there. */
int learn_walk(const char *dir, learn_walk_fn *each, void *each_arg, void *unused, struct err *e);

#endif
