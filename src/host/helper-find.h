#ifndef KELP_HOST_HELPER_FIND_H
#define KELP_HOST_HELPER_FIND_H

#include "err.h"
#include "mem.h"

/* host_find_helper() for this program; in `arena`, or NULL with `e` set: there is no such one. */
const char *helper_find(struct arena *arena, const char *name, struct err *e);

#endif
