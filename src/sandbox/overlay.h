#ifndef KELP_SANDBOX_OVERLAY_H
#define KELP_SANDBOX_OVERLAY_H

#include "err.h"
#include "plan.h"
#include "tree.h"

#include <stddef.h>
#include <sys/types.h>

/*
 * Overlays as the kernel gives them to a user: of directories by descriptor, with what overlayfs
 * notes kept in user.* attributes.  Source: the kernel's overlayfs.rst, "userxattr".
 *
 * They are the root of an image, and every writable directory of a host view whose changes are to
 * be kept apart from the host: then the lower layer is that directory, and the upper one lies in
 * the plan's overlay_dir, under a number of its own.
 */

#define OVERLAY_UPPER "upper"
#define OVERLAY_WORK  "work"

/*
 * The layers by descriptor: their names on the host are nobody's business inside, where the mount
 * table shows what was mounted, and a long list of them has room in a short text.
 */
struct overlay_layers {
        int fds[PLAN_MAX_LAYERS]; /* the uppermost first */
        size_t n;
};

/* A detached overlay of the layers below OVERLAY_UPPER of the directory `top`. */
int overlay_mount(const struct overlay_layers *layers, int top, struct arena *a, struct err *e);

/* Afterwards: the work directory of `top` gets permissions, so that its owner can remove it. */
int overlay_open_work(int top, struct err *e);

/*
 * Opens a directory by the name that it has in our own mount namespace: the kernel takes no layer of
 * another one.  It is what was judged, by `dev` and `ino`, or the error is ESTALE.
 */
int overlay_open_judged(const char *path, dev_t dev, ino_t ino, struct err *e);

/*
 * The launcher's part of a host view with an overlay_dir: judges that, and has every writable
 * directory of the list overlaid.  What cannot be is an error of STEP_OVERLAY that names it.
 */
int overlay_plan(const struct plan *p, struct tree *t, struct err *e);

/*
 * The launcher's second part, before pid 1 goes on: a directory for each, with an upper layer that has
 * mode, times and attributes of what it will cover.
 */
int overlay_make(const struct tree *t, struct err *e);

/* Pid 1's part: the detached overlay over the source of an entry that is TREE_OVERLAID. */
int overlay_mount_over(const struct tree *t, const struct tree_entry *entry, struct err *e);

#endif
