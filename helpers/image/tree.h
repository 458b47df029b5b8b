#ifndef KELP_IMAGE_TREE_H
#define KELP_IMAGE_TREE_H

#include "entry.h"
#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <time.h>

/*
 * A layer's directory while it is written, in the form that overlayfs reads when it is mounted
 * with `userxattr`: a whiteout is a character device 0:0 (which any user may make since Linux
 * 5.8), an opaque directory has the extended attribute user.overlay.opaque=y.
 *
 * No path is ever given to the kernel: each component is entered by openat2 beneath its parent,
 * without symlinks, and what is made is made in the parent's descriptor, exclusively.  The chain of
 * open directories is kept from one entry to the next, because archives list a directory's
 * entries in a row.
 *
 * A directory's time is that of its own entry although its contents come later: it is read when
 * the directory is entered and put back when it is left.
 *
 * Everything belongs to the user, unless the tree is one with owners.  Modes are kept,
 * set-user-id bits too (the store is closed to others, and mounted nosuid), but directories get
 * u+rwx: a plain `rm -rf` works.
 *
 * In a tree with owners each file belongs to whom the archive says, in the ids of the process's
 * user namespace, and modes are kept without exception.  Only the layer's root stays the user's
 * with u+rwx: the launcher has to open it for its lock, and overlayfs shows the attributes of the
 * upper layer's root anyway.
 *
 * What an archive may replace: a later entry replaces an earlier one, a directory only when it is
 * empty.  A parent that is a symlink is refused: no tool that makes layers writes through one.
 */

struct tree_xattr {
        const char *name;
        const void *value;
        size_t size;
};

struct tree_attr {
        mode_t mode; /* permission bits */
        uid_t uid;   /* in a tree with owners */
        gid_t gid;
        struct timespec mtime;
        const struct tree_xattr *xattrs;
        size_t n_xattrs;
};

struct tree;

/*
 * `lower` tells the attributes of the directory at `path` in the layers below, for directories
 * that an archive has no entry for; NULL: there is nothing below.
 */
typedef bool tree_lower(void *context, const char *path, struct stat *ret);

/* `fd` is the layer's empty directory, borrowed. */
int tree_open(int fd, bool has_owners, tree_lower *lower, void *lower_context, struct tree **ret,
              struct err *e);
void tree_free(struct tree **tree);

#define autotree __attribute__((cleanup(tree_free))) struct tree

int tree_make_directory(struct tree *t, const struct entry_path *path, const struct tree_attr *attr,
                        struct err *e);
int tree_make_symlink(struct tree *t, const struct entry_path *path, const char *target,
                      const struct tree_attr *attr, struct err *e);
int tree_make_fifo(struct tree *t, const struct entry_path *path, const struct tree_attr *attr,
                   struct err *e);

/* `target` is a regular file, a symlink or a fifo of the same layer. */
int tree_make_hardlink(struct tree *t, const struct entry_path *path,
                       const struct entry_path *target, struct err *e);

/*
 * An empty file to write to: *ret_fd is the caller's.  When it was written, tree_set_xattrs(), which
 * gives it its owner, too, and tree_end_file().
 */
int tree_make_file(struct tree *t, const struct entry_path *path, const struct tree_attr *attr,
                   int *ret_fd, struct err *e);
int tree_set_xattrs(struct tree *t, int fd, const struct entry_path *path,
                    const struct tree_attr *attr, struct err *e);
int tree_end_file(int fd, const struct entry_path *path, const struct tree_attr *attr,
                  struct err *e);

int tree_make_whiteout(struct tree *t, const struct entry_path *hidden, struct err *e);
int tree_make_opaque(struct tree *t, const struct entry_path *directory, struct err *e);

/* Leaves every directory: their times are right after this. */
int tree_finish(struct tree *t, struct err *e);

#endif
