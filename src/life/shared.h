#ifndef KELP_LIFE_SHARED_H
#define KELP_LIFE_SHARED_H

#include "plan.h"

/*
 * Whether a share of the host shows `path`, or would if it were there: one that is writable, or any.
 * By what the directories are, not by what they are called: a share may go through a symlink.  What
 * cannot be told is taken for a yes.  *ret_missing: how many components of `path` are not there.
 */
bool shared_is_above(const struct plan_files *files, const char *path, bool also_readable,
                     size_t *ret_missing);

#endif
