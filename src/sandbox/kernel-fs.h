#ifndef KELP_SANDBOX_KERNEL_FS_H
#define KELP_SANDBOX_KERNEL_FS_H

#include "plan.h"
#include "tree.h"

/* Adds /proc with its masks and /dev: the same for both kinds of root. */
int kernel_fs_add(const struct plan *p, struct tree *t, struct err *e);

/* Adds /sys, which comes last: see build_last(). */
int kernel_fs_add_sys(const struct plan *p, struct tree *t, struct err *e);

#endif
