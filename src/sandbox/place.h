#ifndef KELP_SANDBOX_PLACE_H
#define KELP_SANDBOX_PLACE_H

#include "tree.h"

#include <stdbool.h>

/*
 * Where in the list a path would lie.  Directories can be made in a tmpfs of ours; nothing is ever
 * made in a directory of the host.
 */

/* The entry that is mounted at or nearest above `box_path`; never NULL once "/" is in the list. */
const struct tree_entry *place_owner(const struct tree *t, const char *box_path);

/* Whether `box_path` lies in a tmpfs of ours, with no symlink of ours on the way. */
bool place_is_ours(const struct tree *t, const char *box_path);

/* The entry for exactly `box_path`, the last one made, or NULL. */
const struct tree_entry *place_find(const struct tree *t, const char *box_path);

/* Adds the missing directories above `box_path`, as far as they lie in a tmpfs of ours. */
int place_make_parents(struct tree *t, const char *box_path, const char *origin, struct err *e);

#endif
