#ifndef KELP_SANDBOX_IMAGE_ROOT_H
#define KELP_SANDBOX_IMAGE_ROOT_H

#include "id-map.h"
#include "plan.h"
#include "tree.h"

#include <stdbool.h>

/* A copy of an image's files, in the place of an overlay of its layers. */
struct image_copy {
        const char *path;
        int judged; /* the same directory, as the launcher opened it */
        int keeper; /* the conversation with the helper that removes it: the launcher's alone */
};

/* What the launcher knows of an image when the root is begun. */
struct image_base {
        const struct id_maps *maps;
        int kept; /* the directory of a sandbox that is kept, as the launcher opened it; or -1 */
        const struct image_copy *copy; /* instead of the layers; or NULL */
};

/*
 * The root of an image: its layers below an upper one, upper/ in the directory `top`: a throw-away
 * one on the tmpfs of the stage, or what image_open_kept() returned.  The layers are those for the
 * ids of its maps.  Returns the detached overlay, or the copy that is to be used instead.  What the
 * kernel has against an overlay is an error of STEP_OVERLAY.
 * Source: the kernel's overlayfs.rst, "userxattr".
 */
int image_mount_root(const struct plan *p, const struct image_base *base, int top, struct err *e);

/*
 * The directory of the plan's sandbox that is kept, by the name that it has in our own mount
 * namespace: the kernel takes no layer of another one.  `judged` is what the launcher opened.
 */
int image_open_kept(const struct plan *p, int judged, struct err *e);

struct image_root {
        int root;
        int kept; /* the directory of a sandbox that is kept; -1: it is not */
};

/*
 * Opens `box_path` in the image, making what is missing in the upper layer.  Symlinks of the image
 * stay inside it; with RESOLVE_NO_SYMLINKS in `how` there may be none.
 */
int image_make_place(const struct image_root *r, const char *box_path, bool is_directory,
                     unsigned long how, struct err *e);

/* Writes a file entry into the upper layer, in the place of whatever the image has there. */
int image_write_file(const struct image_root *r, const struct tree_entry *entry, struct err *e);

#endif
