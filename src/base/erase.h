#ifndef KELP_BASE_ERASE_H
#define KELP_BASE_ERASE_H

#include "err.h"

/*
 * Removes the file or the tree `name` in `dir`, which a payload may have shaped: directories
 * without permissions, and deeper than there are descriptors.  Absence is no error.
 *
 * No symlink is followed, not even one that takes the place of a directory meanwhile: a mode is
 * changed by descriptor, or by a call that knows symlinks.  Each directory is closed to others
 * before it is read, which its owner alone may do.  EACCES or EPERM: it has directories of other
 * ids; what could be removed before is gone.
 */
int erase_tree(int dir, const char *name, struct err *e);

#endif
