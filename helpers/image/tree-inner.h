#ifndef KELP_IMAGE_TREE_INNER_H
#define KELP_IMAGE_TREE_INNER_H

#include "tree.h"

/* What the files tree*.c share; see tree.h. */

/* One open directory; the first is the layer's root. */
struct level {
        int fd;
        struct timespec mtime;
        bool is_touched;
        char name[LIMIT_NAME + 1];
};

struct tree {
        bool has_owners;
        tree_lower *lower;
        void *lower_context;
        size_t n_levels;
        struct level levels[LIMIT_DEPTH + 1];
};

/* ------ tree-place.c: one name in one open directory ------ */

/* EINVAL: "entry '...' is refused: WHY". */
int tree_refuse(const struct entry_path *path, const char *why, struct err *e);

/* errno is the reason: "cannot WHAT '...': ...", with a hint when the file system is full. */
int tree_failed(const struct entry_path *path, const char *what, struct err *e);

bool tree_is_whiteout(const struct stat *st);
bool tree_is_opaque(int fd);
int tree_set_time(int fd, struct timespec mtime);
int tree_set_opaque(int fd, const struct entry_path *path, struct err *e);

/* Removes the whiteouts in the directory `fd`. */
int tree_remove_whiteouts(int fd, const struct entry_path *path, struct err *e);

/*
 * Makes way for a new entry where there is already one.  A directory stays for a directory:
 * *ret_is_there.  *ret_was_whiteout: what was there hid something of the layers below.
 */
int tree_make_way(int parent, const struct entry_path *path, const char *name, bool for_directory,
                  bool *ret_is_there, bool *ret_was_whiteout, struct err *e);

/*
 * Makes the directory `name` in `parent` and opens it; its mode is not right yet.  An existing one
 * keeps its attributes.
 */
int tree_open_new_directory(int parent, const struct entry_path *path, const char *name,
                            bool *ret_is_new, int *ret_fd, struct err *e);

/* The owner, if the tree has them, and the mode of a directory. */
int tree_set_directory(const struct tree *t, int fd, const struct entry_path *path,
                       const struct tree_attr *attr, struct err *e);

/* ------ tree.c: the chain of open directories ------ */

struct level *tree_top(struct tree *t);

/*
 * Makes the parent of `path` the last level, and returns its descriptor (borrowed).  ENOTDIR: a
 * parent is something else than a directory.
 */
int tree_go(struct tree *t, const struct entry_path *path, struct err *e);

/* The same for an entry that changes the directory; the root itself cannot be such an entry. */
int tree_go_to_change(struct tree *t, const struct entry_path *path, struct err *e);

/* Makes the open directory `name` (taken over), which lies in the last level, the last level. */
void tree_push(struct tree *t, const char *name, int *fd, struct timespec mtime, bool is_touched);

/* Goes to the root. */
int tree_go_to_root(struct tree *t, struct err *e);

#endif
