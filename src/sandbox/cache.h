#ifndef KELP_SANDBOX_CACHE_H
#define KELP_SANDBOX_CACHE_H

#include "plan.h"
#include "resolve.h"

/*
 * The directory of a cache of kelp's own, $XDG_CACHE_HOME/kelp/caches/NAME, made with its parents
 * if need be.  It outlives the run and is written to by whatever runs in a sandbox; no program
 * outside makes use of it, and no sandbox sees the cache of another name.
 *
 * For a plan that is only printed nothing is made: ret->fd is -1 then where it is not there yet.
 * The descriptor belongs to the caller, the path to the arena.  Errors: as mkdir(2) and open(2);
 * ELOOP and ENOTDIR for what is no directory; EPERM for one that others could write to.
 */
int cache_open(const struct plan *p, struct arena *a, const struct plan_rule *asked,
               struct source *ret, struct err *e);

#endif
