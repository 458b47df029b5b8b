#ifndef KELP_HOST_HELPER_FIND_H
#define KELP_HOST_HELPER_FIND_H

#include "err.h"
#include "mem.h"

/*
 * A program that executes a copy of itself, which has no path, says by this variable where its file is.
 */
#define HELPER_FIND_SELF "KELP_PATH"

/* The path of this program's file. */
int helper_find_self(char *ret, size_t size, struct err *e);

/* host_find_helper() for this program; in `arena`, or NULL with `e` set: there is no such one. */
const char *helper_find(struct arena *arena, const char *name, struct err *e);

#endif
