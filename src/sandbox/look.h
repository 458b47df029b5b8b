#ifndef KELP_SANDBOX_LOOK_H
#define KELP_SANDBOX_LOOK_H

#include "err.h"
#include "mem.h"
#include "plan.h"
#include "tree.h"

#include <stdbool.h>
#include <sys/stat.h>

/*
 * What a process inside would find at a path, found out from outside before there is a sandbox:
 * the path is walked component by component through the tree and, where that shows something of
 * the host, through that; symlinks are followed as they would be inside.
 */
struct look {
        const char *box_path;            /* without symlinks, as far as there was something */
        const struct tree_entry *entry;  /* what decides there: the mount that lies on top */
        const struct tree_entry *source; /* what has the files there: below a pin or a cover */
        const char *host_path;           /* where its files are on the host; NULL: nowhere */
        int code;                        /* 0: it is there; else the errno that says why not */
        bool is_own;                     /* each process finds something else (/proc/self) */
        struct stat st;                  /* of a thing of kelp's own only st_mode is set */
        struct look *above;              /* the directory at which the walk ended; NULL at "/" */
};

/* All memory is `a`'s; `box_path` is clean. */
int look_inside(const struct plan *p, const struct tree *t, struct arena *a, const char *box_path,
                struct look *ret, struct err *e);

#endif
