/* The entries of a layer. */

#include "tree-inner.h"

#include "beneath.h"
#include "fd.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static int set_xattrs(int fd, const struct entry_path *path, const struct tree_attr *attr,
                      struct err *e)
{
        for (size_t i = 0; i < attr->n_xattrs; i++) {
                const struct tree_xattr *x = &attr->xattrs[i];

                if (fsetxattr(fd, x->name, x->value, x->size, 0) < 0)
                        return tree_failed(path, "set an extended attribute of", e);
        }
        return 0;
}

static int set_root(struct tree *t, const struct entry_path *path, const struct tree_attr *attr,
                    struct err *e)
{
        if (tree_go_to_root(t, e) < 0)
                return -e->code;
        if (fchmod(tree_top(t)->fd, (attr->mode & 07777) | S_IRWXU) < 0)
                return tree_failed(path, "set the mode of the root", e);
        tree_top(t)->mtime = attr->mtime;
        return set_xattrs(tree_top(t)->fd, path, attr, e);
}

int tree_make_directory(struct tree *t, const struct entry_path *path, const struct tree_attr *attr,
                        struct err *e)
{
        bool is_new;
        autofd fd = -1;

        if (path->len == 0)
                return set_root(t, path, attr, e);
        int parent = tree_go_to_change(t, path, e);
        if (parent < 0)
                return parent;
        if (tree_open_new_directory(parent, path, path->base, &is_new, &fd, e) < 0 ||
            tree_set_directory(t, fd, path, attr, e) < 0 || set_xattrs(fd, path, attr, e) < 0)
                return -e->code;
        /* its entries come next; it gets its time when it is left */
        tree_push(t, path->base, &fd, attr->mtime, true);
        return 0;
}

/* What is to be made under a name that must be free. */
struct node {
        mode_t type; /* S_IFREG, S_IFLNK, S_IFIFO; S_IFCHR: a whiteout; 0: a hard link */
        mode_t mode;
        const char *target; /* of a symlink; of a hard link: its name in link_dir */
        int link_dir;
};

/* Returns a descriptor for a regular file, else 0; -1 with errno set. */
static int make_once(int parent, const char *name, const struct node *node)
{
        switch (node->type) {
        case S_IFREG:
                return openat(parent, name,
                              O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY,
                              node->mode);
        case S_IFLNK:
                return symlinkat(node->target, parent, name);
        case S_IFIFO:
                return mknodat(parent, name, S_IFIFO | node->mode, 0);
        case S_IFCHR:
                return mknodat(parent, name, S_IFCHR, makedev(0, 0));
        default:
                return linkat(node->link_dir, node->target, parent, name, 0);
        }
}

static int make(int parent, const struct entry_path *path, const struct node *node,
                const char *what, struct err *e)
{
        bool is_there;
        bool was_whiteout;
        int r = make_once(parent, path->base, node);

        if (r < 0 && errno == EEXIST) {
                if (tree_make_way(parent, path, path->base, false, &is_there, &was_whiteout, e) < 0)
                        return -e->code;
                r = make_once(parent, path->base, node);
        }
        return r < 0 ? tree_failed(path, what, e) : r;
}

/* What has no descriptor. */
static int set_attr_at(const struct tree *t, int parent, const struct entry_path *path,
                       const struct tree_attr *attr, struct err *e)
{
        struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, attr->mtime };

        if (t->has_owners &&
            fchownat(parent, path->base, attr->uid, attr->gid, AT_SYMLINK_NOFOLLOW) < 0)
                return tree_failed(path, "set the owner of", e);
        if (utimensat(parent, path->base, times, AT_SYMLINK_NOFOLLOW) < 0)
                return tree_failed(path, "set the time of", e);
        return 0;
}

int tree_make_file(struct tree *t, const struct entry_path *path, const struct tree_attr *attr,
                   int *ret_fd, struct err *e)
{
        /* writing takes set-user-id bits away, so they come last; attributes need u+w */
        struct node node = { .type = S_IFREG,
                             .mode = attr->n_xattrs > 0 ? 0600 : attr->mode & 01777 };
        int parent = tree_go_to_change(t, path, e);

        if (parent < 0)
                return parent;
        int fd = make(parent, path, &node, "make file", e);
        if (fd < 0)
                return fd;
        *ret_fd = fd;
        return 0;
}

/* A new owner takes set-id bits and file capabilities away, so it comes first. */
int tree_set_xattrs(struct tree *t, int fd, const struct entry_path *path,
                    const struct tree_attr *attr, struct err *e)
{
        if (t->has_owners && fchown(fd, attr->uid, attr->gid) < 0)
                return tree_failed(path, "set the owner of", e);
        return set_xattrs(fd, path, attr, e);
}

int tree_end_file(int fd, const struct entry_path *path, const struct tree_attr *attr,
                  struct err *e)
{
        bool has_other_mode = attr->n_xattrs > 0 || (attr->mode & (S_ISUID | S_ISGID));

        if (has_other_mode && fchmod(fd, attr->mode & 07777) < 0)
                return tree_failed(path, "set the mode of", e);
        if (tree_set_time(fd, attr->mtime) < 0)
                return tree_failed(path, "set the time of", e);
        return 0;
}

int tree_make_symlink(struct tree *t, const struct entry_path *path, const char *target,
                      const struct tree_attr *attr, struct err *e)
{
        struct node node = { .type = S_IFLNK, .target = target };
        size_t len = strlen(target);
        int parent = tree_go_to_change(t, path, e);

        if (parent < 0)
                return parent;
        if (len == 0 || len > LIMIT_PATH)
                return tree_refuse(path, "its target is empty or longer than 4095 bytes", e);
        if (make(parent, path, &node, "make symlink", e) < 0)
                return -e->code;
        return set_attr_at(t, parent, path, attr, e);
}

int tree_make_fifo(struct tree *t, const struct entry_path *path, const struct tree_attr *attr,
                   struct err *e)
{
        struct node node = { .type = S_IFIFO, .mode = attr->mode & 0777 };
        int parent = tree_go_to_change(t, path, e);

        if (parent < 0)
                return parent;
        if (make(parent, path, &node, "make fifo", e) < 0)
                return -e->code;
        return set_attr_at(t, parent, path, attr, e);
}

/* The directory of a link's target, which must be in this layer and not behind a symlink. */
static int open_target_directory(struct tree *t, const struct entry_path *path,
                                 const struct entry_path *target, struct err *e)
{
        char directory[LIMIT_PATH + 1];

        memcpy(directory, target->text, target->dir_len);
        directory[target->dir_len] = '\0';
        int fd = beneath_open(t->levels[0].fd, target->dir_len ? directory : ".",
                              O_PATH | O_DIRECTORY);
        if (fd < 0)
                return tree_refuse(path, "it is a hard link to nothing in its layer", e);
        return fd;
}

int tree_make_hardlink(struct tree *t, const struct entry_path *path,
                       const struct entry_path *target, struct err *e)
{
        struct stat st;
        int parent = tree_go_to_change(t, path, e);

        if (parent < 0)
                return parent;
        if (target->len == 0 || str_eq(path->text, target->text))
                return tree_refuse(path, "it is a hard link to itself or to the root", e);
        autofd directory = open_target_directory(t, path, target, e);
        if (directory < 0)
                return directory;
        if (fstatat(directory, target->base, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return tree_refuse(path, "it is a hard link to nothing in its layer", e);
        if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode) && !S_ISFIFO(st.st_mode))
                return tree_refuse(path, "it is a hard link to something else than a file", e);
        struct node node = { .link_dir = directory, .target = target->base };
        return make(parent, path, &node, "make hard link", e);
}

/* What the same layer has under this name hides the one below by itself; a directory would merge. */
static int hide_behind(int parent, const struct entry_path *hidden, const struct stat *st,
                       struct err *e)
{
        if (!S_ISDIR(st->st_mode))
                return 0;
        autofd fd = beneath_open(parent, hidden->base, O_RDONLY | O_DIRECTORY);
        if (fd < 0)
                return tree_failed(hidden, "open directory", e);
        return tree_set_opaque(fd, hidden, e);
}

/*
 * umoci lists the whiteouts of what was in a directory that the same layer replaces by a file:
 * that file hides them already.
 */
static int nothing_to_hide(int r, struct err *e)
{
        if (r != -ENOTDIR)
                return r;
        *e = (struct err){ 0 };
        return 0;
}

int tree_make_whiteout(struct tree *t, const struct entry_path *hidden, struct err *e)
{
        struct node node = { .type = S_IFCHR };
        struct stat st;
        int parent = tree_go_to_change(t, hidden, e);

        if (parent < 0)
                return nothing_to_hide(parent, e);
        if (fstatat(parent, hidden->base, &st, AT_SYMLINK_NOFOLLOW) == 0)
                return hide_behind(parent, hidden, &st, e);
        /* overlayfs would list a whiteout in a directory that it does not merge */
        if (tree_is_opaque(parent))
                return 0;
        if (make(parent, hidden, &node, "make the whiteout of", e) < 0) {
                if (e->code == EPERM)
                        err_hint(e, "whiteouts of a normal user need Linux 5.8 or later");
                return -e->code;
        }
        return 0;
}

int tree_make_opaque(struct tree *t, const struct entry_path *directory, struct err *e)
{
        struct entry_path inside = *directory;

        if (inside.len > 0) {
                inside.text[inside.len] = '/';
                inside.text[inside.len + 1] = '\0';
        }
        inside.dir_len = inside.len;
        int fd = tree_go(t, &inside, e);
        if (fd < 0)
                return nothing_to_hide(fd, e);
        tree_top(t)->is_touched = true;
        /* whiteouts in it hide nothing any more, and would be listed */
        if (tree_remove_whiteouts(fd, directory, e) < 0)
                return -e->code;
        return tree_set_opaque(fd, directory, e);
}
