#include "tree.h"

#include "fd.h"
#include "mem.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define OPAQUE_XATTR "user.overlay.opaque"

/* One open directory; the first is the layer's root. */
struct level {
        int fd;
        struct timespec mtime;
        bool is_touched;
        char name[LIMIT_NAME + 1];
};

struct tree {
        tree_lower *lower;
        void *lower_context;
        size_t n_levels;
        struct level levels[LIMIT_DEPTH + 1];
};

static int refuse(const struct entry_path *path, const char *why, struct err *e)
{
        return err_set(e, EINVAL, "entry '%.200s' is refused: %s", path->text, why);
}

static int failed(const struct entry_path *path, const char *what, struct err *e)
{
        int code = errno;

        err_sys(e, "cannot %s '%.200s'", what, path->text);
        if (code == ENOSPC || code == EDQUOT)
                return err_hint(e, "the file system of the image store is full");
        return -e->code;
}

static mode_t directory_mode(mode_t mode)
{
        return (mode & 07777) | S_IRWXU;
}

static bool is_whiteout(const struct stat *st)
{
        return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

/* ------ the chain of open directories ------ */

static struct level *top(struct tree *t)
{
        return &t->levels[t->n_levels - 1];
}

static int set_time(int fd, struct timespec mtime)
{
        struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, mtime };

        return futimens(fd, times);
}

static int leave(struct tree *t, struct err *e)
{
        struct level *level = top(t);

        if (level->is_touched && set_time(level->fd, level->mtime) < 0)
                return err_sys(e, "cannot set the time of directory '%.200s'", level->name);
        fd_close(&level->fd);
        t->n_levels--;
        return 0;
}

static int open_directory(int parent, const char *name)
{
        struct open_how how = {
                .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
                           RESOLVE_NO_XDEV,
        };

        return (int)syscall(SYS_openat2, parent, name, &how, sizeof(how));
}

/*
 * Makes way for a new entry where there is already one.  A directory stays for a directory:
 * *ret_is_there.  *ret_was_whiteout: what was there hid something of the layers below.
 */
static int make_way(int parent, const struct entry_path *path, const char *name, bool for_directory,
                    bool *ret_is_there, bool *ret_was_whiteout, struct err *e)
{
        struct stat st;

        *ret_is_there = false;
        *ret_was_whiteout = false;
        if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return failed(path, "stat", e);
        if (S_ISDIR(st.st_mode) && for_directory) {
                *ret_is_there = true;
                return 0;
        }
        if (S_ISDIR(st.st_mode) && unlinkat(parent, name, AT_REMOVEDIR) < 0)
                return refuse(path, "it would replace a directory that is not empty", e);
        if (!S_ISDIR(st.st_mode) && unlinkat(parent, name, 0) < 0)
                return failed(path, "replace", e);
        *ret_was_whiteout = is_whiteout(&st);
        return 0;
}

static int set_opaque(int fd, const struct entry_path *path, struct err *e)
{
        if (fsetxattr(fd, OPAQUE_XATTR, "y", 1, 0) == 0)
                return 0;
        failed(path, "mark as opaque directory", e);
        if (e->code == ENOTSUP)
                return err_hint(e, "the image store needs a file system with user extended "
                                   "attributes");
        return -e->code;
}

/* Makes the directory `name` in `parent` and opens it.  An existing one keeps its attributes. */
static int make_and_open(int parent, const struct entry_path *path, const char *name, mode_t mode,
                         bool *ret_is_new, int *ret_fd, struct err *e)
{
        bool is_there = false;
        bool was_whiteout = false;

        if (mkdirat(parent, name, mode) < 0) {
                if (errno != EEXIST)
                        return failed(path, "make directory", e);
                if (make_way(parent, path, name, true, &is_there, &was_whiteout, e) < 0)
                        return -e->code;
                if (!is_there && mkdirat(parent, name, mode) < 0)
                        return failed(path, "make directory", e);
        }
        autofd fd = open_directory(parent, name);
        if (fd < 0)
                return failed(path, "open directory", e);
        /* mkdir(2) does not take these bits on every file system */
        if (!is_there && (mode & (S_ISUID | S_ISGID)) && fchmod(fd, mode) < 0)
                return failed(path, "set the mode of", e);
        /* the layer removes the directory below and makes a new one */
        if (was_whiteout && set_opaque(fd, path, e) < 0)
                return -e->code;
        *ret_is_new = !is_there;
        *ret_fd = fd_take(&fd);
        return 0;
}

/* A directory without an entry of its own: like the one below it hides, if there is one. */
static int make_implied(struct tree *t, const struct entry_path *path, const char *name,
                        size_t upto, int *ret_fd, struct timespec *ret_mtime, struct err *e)
{
        struct entry_path implied = { .len = upto };
        struct stat st = { .st_mode = 0755 };
        bool is_new;

        memcpy(implied.text, path->text, upto);
        if (t->lower && !t->lower(t->lower_context, implied.text, &st))
                st = (struct stat){ .st_mode = 0755 };
        if (make_and_open(top(t)->fd, path, name, directory_mode(st.st_mode), &is_new, ret_fd, e) <
            0)
                return -e->code;
        top(t)->is_touched = true;
        *ret_mtime = st.st_mtim;
        return 0;
}

/*
 * Enters the component `name`, which ends at byte `upto` of the path.  What is there but neither a
 * directory nor a whiteout is an error.
 */
static int enter(struct tree *t, const struct entry_path *path, const char *name, size_t upto,
                 struct err *e)
{
        autofd fd = open_directory(top(t)->fd, name);
        bool is_implied = false;
        struct stat st = { 0 };

        if (fd < 0) {
                if (fstatat(top(t)->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !is_whiteout(&st))
                        return refuse(path,
                                      S_ISLNK(st.st_mode) ? "a parent of it is a symbolic link"
                                                          : "a parent of it is not a directory",
                                      e);
                if (make_implied(t, path, name, upto, &fd, &st.st_mtim, e) < 0)
                        return -e->code;
                is_implied = true;
        } else if (fstat(fd, &st) < 0) {
                return failed(path, "stat the parent of", e);
        }
        struct level *level = &t->levels[t->n_levels];
        memcpy(level->name, name, strlen(name) + 1);
        level->mtime = st.st_mtim;
        level->is_touched = is_implied;
        level->fd = fd_take(&fd);
        t->n_levels++;
        return 0;
}

/* Whether the level at `depth` is the component of `path` that starts at `at`; its end in *at. */
static bool is_level(const struct tree *t, size_t depth, const struct entry_path *path, size_t *at)
{
        size_t len = strlen(t->levels[depth].name);

        if (*at + len > path->dir_len || memcmp(path->text + *at, t->levels[depth].name, len) != 0)
                return false;
        if (path->text[*at + len] != '/')
                return false;
        *at += len + 1;
        return true;
}

/* Makes the parent of `path` the last level, and returns its descriptor. */
static int go(struct tree *t, const struct entry_path *path, struct err *e)
{
        size_t at = 0;
        size_t depth = 1;

        while (depth < t->n_levels && is_level(t, depth, path, &at))
                depth++;
        while (t->n_levels > depth) {
                if (leave(t, e) < 0)
                        return -e->code;
        }
        while (at < path->dir_len) {
                char name[LIMIT_NAME + 1];
                size_t len = strcspn(path->text + at, "/");

                memcpy(name, path->text + at, len);
                name[len] = '\0';
                if (enter(t, path, name, at + len, e) < 0)
                        return -e->code;
                at += len + 1;
        }
        return top(t)->fd;
}

/* go(), for an entry that changes the directory; the root itself cannot be such an entry. */
static int go_to_change(struct tree *t, const struct entry_path *path, struct err *e)
{
        if (path->len == 0)
                return refuse(path, "the layer's root can only be a directory", e);
        int fd = go(t, path, e);
        if (fd >= 0)
                top(t)->is_touched = true;
        return fd;
}

int tree_open(int fd, tree_lower *lower, void *lower_context, struct tree **ret, struct err *e)
{
        autotree *t = mem_alloc(sizeof(*t), e);

        if (!t)
                return -e->code;
        t->lower = lower;
        t->lower_context = lower_context;
        t->levels[0].fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (t->levels[0].fd < 0)
                return err_sys(e, "cannot use the layer's directory");
        t->levels[0].is_touched = true;
        t->n_levels = 1;
        *ret = t;
        t = NULL;
        return 0;
}

int tree_finish(struct tree *t, struct err *e)
{
        while (t->n_levels > 0) {
                if (leave(t, e) < 0)
                        return -e->code;
        }
        return 0;
}

void tree_free(struct tree **tree)
{
        struct tree *t = *tree;

        if (!t)
                return;
        while (t->n_levels > 0)
                fd_close(&t->levels[--t->n_levels].fd);
        free(t);
        *tree = NULL;
}

/* ------ entries ------ */

static int set_xattrs(int fd, const struct entry_path *path, const struct tree_attr *attr,
                      struct err *e)
{
        for (size_t i = 0; i < attr->n_xattrs; i++) {
                const struct tree_xattr *x = &attr->xattrs[i];

                if (fsetxattr(fd, x->name, x->value, x->size, 0) < 0)
                        return failed(path, "set an extended attribute of", e);
        }
        return 0;
}

static int set_root(struct tree *t, const struct entry_path *path, const struct tree_attr *attr,
                    struct err *e)
{
        while (t->n_levels > 1) {
                if (leave(t, e) < 0)
                        return -e->code;
        }
        if (fchmod(top(t)->fd, directory_mode(attr->mode)) < 0)
                return failed(path, "set the mode of the root", e);
        top(t)->mtime = attr->mtime;
        return set_xattrs(top(t)->fd, path, attr, e);
}

int tree_make_directory(struct tree *t, const struct entry_path *path, const struct tree_attr *attr,
                        struct err *e)
{
        bool is_new;
        autofd fd = -1;

        if (path->len == 0)
                return set_root(t, path, attr, e);
        int parent = go_to_change(t, path, e);
        if (parent < 0)
                return parent;
        mode_t mode = directory_mode(attr->mode);
        if (make_and_open(parent, path, path->base, mode, &is_new, &fd, e) < 0)
                return -e->code;
        if (!is_new && fchmod(fd, mode) < 0)
                return failed(path, "set the mode of", e);
        if (set_time(fd, attr->mtime) < 0)
                return failed(path, "set the time of", e);
        return set_xattrs(fd, path, attr, e);
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
                if (make_way(parent, path, path->base, false, &is_there, &was_whiteout, e) < 0)
                        return -e->code;
                r = make_once(parent, path->base, node);
        }
        return r < 0 ? failed(path, what, e) : r;
}

static int set_time_at(int parent, const struct entry_path *path, struct timespec mtime,
                       struct err *e)
{
        struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, mtime };

        if (utimensat(parent, path->base, times, AT_SYMLINK_NOFOLLOW) < 0)
                return failed(path, "set the time of", e);
        return 0;
}

int tree_make_file(struct tree *t, const struct entry_path *path, const struct tree_attr *attr,
                   int *ret_fd, struct err *e)
{
        struct node node = { .type = S_IFREG, .mode = attr->mode & 01777 };
        int parent = go_to_change(t, path, e);

        if (parent < 0)
                return parent;
        int fd = make(parent, path, &node, "make file", e);
        if (fd < 0)
                return fd;
        *ret_fd = fd;
        return 0;
}

int tree_end_file(int fd, const struct entry_path *path, const struct tree_attr *attr,
                  struct err *e)
{
        if (set_xattrs(fd, path, attr, e) < 0)
                return -e->code;
        /* writing takes set-user-id bits away, so they come last */
        if ((attr->mode & (S_ISUID | S_ISGID)) && fchmod(fd, attr->mode & 07777) < 0)
                return failed(path, "set the mode of", e);
        if (set_time(fd, attr->mtime) < 0)
                return failed(path, "set the time of", e);
        return 0;
}

int tree_make_symlink(struct tree *t, const struct entry_path *path, const char *target,
                      const struct tree_attr *attr, struct err *e)
{
        struct node node = { .type = S_IFLNK, .target = target };
        size_t len = strlen(target);
        int parent = go_to_change(t, path, e);

        if (parent < 0)
                return parent;
        if (len == 0 || len > LIMIT_PATH)
                return refuse(path, "its target is empty or longer than 4095 bytes", e);
        if (make(parent, path, &node, "make symlink", e) < 0)
                return -e->code;
        return set_time_at(parent, path, attr->mtime, e);
}

int tree_make_fifo(struct tree *t, const struct entry_path *path, const struct tree_attr *attr,
                   struct err *e)
{
        struct node node = { .type = S_IFIFO, .mode = attr->mode & 0777 };
        int parent = go_to_change(t, path, e);

        if (parent < 0)
                return parent;
        if (make(parent, path, &node, "make fifo", e) < 0)
                return -e->code;
        return set_time_at(parent, path, attr->mtime, e);
}

/* The directory of a link's target, which must be in this layer and not behind a symlink. */
static int open_target_directory(struct tree *t, const struct entry_path *path,
                                 const struct entry_path *target, struct err *e)
{
        struct open_how how = {
                .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
                           RESOLVE_NO_XDEV,
        };
        char directory[LIMIT_PATH + 1];

        memcpy(directory, target->text, target->dir_len);
        directory[target->dir_len] = '\0';
        int fd = (int)syscall(SYS_openat2, t->levels[0].fd, target->dir_len ? directory : ".", &how,
                              sizeof(how));
        if (fd < 0)
                return refuse(path, "it is a hard link to nothing in its layer", e);
        return fd;
}

int tree_make_hardlink(struct tree *t, const struct entry_path *path,
                       const struct entry_path *target, struct err *e)
{
        struct stat st;
        int parent = go_to_change(t, path, e);

        if (parent < 0)
                return parent;
        if (target->len == 0 || str_eq(path->text, target->text))
                return refuse(path, "it is a hard link to itself or to the root", e);
        autofd directory = open_target_directory(t, path, target, e);
        if (directory < 0)
                return directory;
        if (fstatat(directory, target->base, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return refuse(path, "it is a hard link to nothing in its layer", e);
        if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
                return refuse(path, "it is a hard link to something else than a file", e);
        struct node node = { .link_dir = directory, .target = target->base };
        return make(parent, path, &node, "make hard link", e);
}

static bool is_opaque(int fd)
{
        char value[2];

        return fgetxattr(fd, OPAQUE_XATTR, value, sizeof(value)) == 1 && value[0] == 'y';
}

/* What the same layer has under this name hides the one below by itself; a directory would merge. */
static int hide_behind(int parent, const struct entry_path *hidden, const struct stat *st,
                       struct err *e)
{
        if (!S_ISDIR(st->st_mode))
                return 0;
        autofd fd = open_directory(parent, hidden->base);
        if (fd < 0)
                return failed(hidden, "open directory", e);
        return set_opaque(fd, hidden, e);
}

int tree_make_whiteout(struct tree *t, const struct entry_path *hidden, struct err *e)
{
        struct node node = { .type = S_IFCHR };
        struct stat st;
        int parent = go_to_change(t, hidden, e);

        if (parent < 0)
                return parent;
        if (fstatat(parent, hidden->base, &st, AT_SYMLINK_NOFOLLOW) == 0)
                return hide_behind(parent, hidden, &st, e);
        /* overlayfs would list a whiteout in a directory that it does not merge */
        if (is_opaque(parent))
                return 0;
        if (make(parent, hidden, &node, "make the whiteout of", e) < 0) {
                if (e->code == EPERM)
                        err_hint(e, "whiteouts of a normal user need Linux 5.8 or later");
                return -e->code;
        }
        return 0;
}

/* Whiteouts in an opaque directory hide nothing any more, and would be listed. */
static int remove_whiteouts(int fd, const struct entry_path *path, struct err *e)
{
        autofd copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        autodir *dir = copy < 0 ? NULL : fdopendir(copy);
        struct dirent *entry;
        struct stat st;

        if (!dir)
                return failed(path, "list directory", e);
        fd_take(&copy);
        while ((entry = readdir(dir))) {
                if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && is_whiteout(&st) &&
                    unlinkat(fd, entry->d_name, 0) < 0)
                        return failed(path, "remove a whiteout in", e);
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
        int fd = go(t, &inside, e);
        if (fd < 0)
                return fd;
        top(t)->is_touched = true;
        if (remove_whiteouts(fd, directory, e) < 0)
                return -e->code;
        return set_opaque(fd, directory, e);
}
