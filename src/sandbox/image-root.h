#ifndef KELP_SANDBOX_IMAGE_ROOT_H
#define KELP_SANDBOX_IMAGE_ROOT_H

#include "id-map.h"
#include "plan.h"
#include "tree.h"

#include <stdbool.h>

/*
 * The root of an image: its layers for the ids of `maps` below a throw-away upper one, which is a
 * directory of the tmpfs `stage`.  Returns the detached overlay.  Source: the kernel's overlayfs.rst, "userxattr".
 */
int image_mount_root(const struct plan *p, const struct id_maps *maps, int stage, struct err *e);

/*
 * Opens `box_path` in the image, making what is missing in the upper layer.  Symlinks of the image
 * stay inside it; with RESOLVE_NO_SYMLINKS in `how` there may be none.
 */
int image_make_place(int root, const char *box_path, bool is_directory, unsigned long how,
                     struct err *e);

/* Writes a file entry into the upper layer, in the place of whatever the image has there. */
int image_write_file(int root, const struct tree_entry *entry, struct err *e);

#endif
