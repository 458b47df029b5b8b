#ifndef KELP_SANDBOX_LOOK_IMAGE_H
#define KELP_SANDBOX_LOOK_IMAGE_H

#include "plan.h"

#include <limits.h>
#include <sys/stat.h>

/*
 * What the plan's image has at `box_path`, which has no symlinks before its last component: the
 * uppermost layer that knows of it decides.  `ret_link` gets the target of a symlink.  Returns 0,
 * or a positive errno: ENOENT where no layer has it, ENODATA where the layers are not unpacked.
 */
int look_image(const struct plan *p, const char *box_path, struct stat *ret,
               char ret_link[PATH_MAX]);

#endif
