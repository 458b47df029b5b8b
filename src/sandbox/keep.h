#ifndef KELP_SANDBOX_KEEP_H
#define KELP_SANDBOX_KEEP_H

#include "tree.h"

#include <stdbool.h>
#include <sys/stat.h>

/*
 * Keeping names of a writable directory as they are.  An existing one becomes a read-only mount and
 * every directory on the way to it a mount of its own; an absent one is watched.  What goes into
 * the tree is copied there.
 */

/* A writable directory of the sandbox. */
struct keep_area {
        int fd; /* borrowed */
        const char *host_path;
        const char *box_path;
};

struct keep {
        struct tree *tree;
        struct arena scratch; /* names that are looked at */
        struct keep_area *areas;
        size_t n_areas;
        const char *origin; /* of the rule that is being carried out */
        bool only_watches;  /* no mounts: what is there is noted, and told when it has changed */
        int depth;          /* how many symlinks led here */
        const char *absent; /* the first component last found missing, and where */
        const struct keep_area *absent_in;
};

/*
 * Keeps the clean relative `name` below the area, component by component: a symlink is covered, and
 * what it leads to is kept where that lies.
 */
int keep_name(struct keep *k, const struct keep_area *area, const char *name, struct err *e);

/* Keeps the directories above the clean relative `name` where they are, but not what it names. */
int keep_way(struct keep *k, const struct keep_area *area, const char *name, struct err *e);

/* Keeps a clean host path in every area that shows it. */
int keep_host_path(struct keep *k, const char *host_path, struct err *e);

/*
 * Makes `box_path` a mount of its own.  One that was pinned only because it is on the way to
 * something can still become read-only.
 */
int keep_pin(struct keep *k, const char *box_path, unsigned flags, struct err *e);

/* For the report at the end; with `st` as it is there now, NULL: it is not there. */
int keep_watch(struct keep *k, const char *host_path, const struct stat *st, struct err *e);

/* What may change, and is not read-only: a directory with what is in it, and what is not there. */
int keep_watch_inside(struct keep *k, const char *host_path, struct err *e);

#endif
