#ifndef KELP_SANDBOX_WHY_PATH_H
#define KELP_SANDBOX_WHY_PATH_H

#include "plan.h"
#include "tree.h"
#include "why.h"

enum why_access {
        WHY_READ,    /* open for reading, list */
        WHY_WRITE,   /* open for writing, make it when it is not there, make files in a directory */
        WHY_EXECUTE, /* execve(2); of a directory: go through it */
};

/*
 * Whether a process inside may do that with `box_path`, which is clean: by the tree, by what is
 * there on the host now, and by the mode of the file.  Symlinks are followed as inside.
 * `t` is what tree_build() made of `p`.  It changes nothing and may be asked by any process that
 * sees the host's files.  Errors: EINVAL where each process has its own answer (/proc/self/exe).
 */
int why_path(const struct plan *p, const struct tree *t, const char *box_path,
             enum why_access access, struct why *ret, struct err *e);

#endif
