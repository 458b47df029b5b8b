#ifndef KELP_LIFE_HELPER_FIND_H
#define KELP_LIFE_HELPER_FIND_H

#include "err.h"
#include "mem.h"

/*
 * The path of one of our own helpers ("kelp-image"): beside kelp itself, in ../libexec/kelp, or in
 * the tree that kelp was built in.  Nothing in the environment has a say in it.  The path belongs
 * to `arena`; NULL with `e` set when there is no such program.
 */
const char *helper_find(struct arena *arena, const char *name, struct err *e);

#endif
