#ifndef KELP_SANDBOX_BUILD_PLACE_H
#define KELP_SANDBOX_BUILD_PLACE_H

#include "build.h"
#include "err.h"
#include "tree.h"

/*
 * Where an entry lies.  A place in a tmpfs of ours is reached by its name: nobody else can have put
 * a symlink there.  Any other place lies in a tree that the host or an image shapes: it is opened
 * first, with symlinks confined to the new root, and mounted on by descriptor.
 */

/* Opens the place of an entry; in an image it is made first if it is missing. */
int build_place_open(const struct build *b, const struct tree_entry *entry, struct err *e);

/*
 * Attaches `mount` to the opened place of an entry, and checks that the entry's path leads to it
 * afterwards.  A symlink to "/", or to a directory above itself, would have it lie over the symlink
 * that was followed: what hides or protects something by a path below would miss it, while the
 * payload finds it by another one.  ELOOP: it is such a place.
 */
int build_place_attach(const struct build *b, const struct tree_entry *entry, int mount, int place,
                       struct err *e);

#endif
