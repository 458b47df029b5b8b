#ifndef KELP_CLI_IMAGE_FIND_H
#define KELP_CLI_IMAGE_FIND_H

#include "assemble.h"

/*
 * Finds the image that `name` means: a path (it starts with '/' or '.', or has a '/' and is no
 * name in the store), a name in the store or an id.  A file that is new is imported, which may take a
 * while.  A name is asked of its registry when `pull` says so, a path never.  All memory belongs to
 * `arena`.  *ret_lock gets the lock of the store that the image is in (see image-hold.h), or stays
 * -1.  Errors: ENOENT when there is no such image, without a hint if there is nothing near; ENOEXEC
 * for a program; ECANCELED when the import or the pull failed and has told the user why.
 */
int image_find(struct arena *arena, const char *name, const struct plan_facts *facts,
               enum option_pull pull, struct plan_image_source *ret, int *ret_lock, struct err *e);

#endif
