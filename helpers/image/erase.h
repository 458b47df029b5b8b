#ifndef KELP_IMAGE_ERASE_H
#define KELP_IMAGE_ERASE_H

#include "err.h"

/*
 * Removes the file or the tree `name` in `dir`, which a payload may have shaped: directories
 * without permissions, and deeper than there are descriptors.  No symlink is followed.  Absence is
 * no error.  EACCES or EPERM: it has directories of other ids, see subids_remove_tree().
 */
int erase_tree(int dir, const char *name, struct err *e);

#endif
