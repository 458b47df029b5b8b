/* One name in one open directory of a tree. */

#include "tree-inner.h"

#include "beneath.h"
#include "fd.h"
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define OPAQUE_XATTR "user.overlay.opaque"

int tree_refuse(const struct entry_path *path, const char *why, struct err *e)
{
        return err_set(e, EINVAL, "entry '%.200s' is refused: %s", path->text, why);
}

int tree_failed(const struct entry_path *path, const char *what, struct err *e)
{
        int code = errno;

        err_sys(e, "cannot %s '%.200s'", what, path->text);
        if (code == ENOSPC || code == EDQUOT)
                return err_hint(e, "the file system of the image store is full");
        return -e->code;
}

static mode_t directory_mode(const struct tree *t, mode_t mode)
{
        return (mode & 07777) | (t->has_owners ? 0 : S_IRWXU);
}

/* mkdir(2) takes set-id bits from the parent, and does not take those that it is given. */
int tree_set_directory(const struct tree *t, int fd, const struct entry_path *path,
                       const struct tree_attr *attr, struct err *e)
{
        if (t->has_owners && fchown(fd, attr->uid, attr->gid) < 0)
                return tree_failed(path, "set the owner of", e);
        if (fchmod(fd, directory_mode(t, attr->mode)) < 0)
                return tree_failed(path, "set the mode of", e);
        return 0;
}

bool tree_is_whiteout(const struct stat *st)
{
        return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

int tree_set_time(int fd, struct timespec mtime)
{
        struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, mtime };

        return futimens(fd, times);
}

struct place {
        int fd;
        const struct entry_path *path;
};

static int remove_whiteout(void *context, const char *name, struct err *e)
{
        const struct place *in = context;
        struct stat st;

        if (fstatat(in->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return tree_failed(in->path, "look into directory", e);
        if (tree_is_whiteout(&st) && unlinkat(in->fd, name, 0) < 0)
                return tree_failed(in->path, "remove a whiteout in", e);
        return 0;
}

int tree_remove_whiteouts(int fd, const struct entry_path *path, struct err *e)
{
        struct place in = { fd, path };

        return store_list(fd, remove_whiteout, &in, e);
}

/* A directory of whiteouts alone hides nothing that what replaces it would not hide. */
static int remove_directory(int parent, const struct entry_path *path, const char *name,
                            struct err *e)
{
        autofd fd = beneath_open(parent, name, O_RDONLY | O_DIRECTORY);

        if (fd < 0)
                return tree_failed(path, "open directory", e);
        if (tree_remove_whiteouts(fd, path, e) < 0)
                return -e->code;
        if (unlinkat(parent, name, AT_REMOVEDIR) < 0)
                return tree_refuse(path, "it would replace a directory that is not empty", e);
        return 0;
}

int tree_make_way(int parent, const struct entry_path *path, const char *name, bool for_directory,
                  bool *ret_is_there, bool *ret_was_whiteout, struct err *e)
{
        struct stat st;

        *ret_is_there = false;
        *ret_was_whiteout = false;
        if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return tree_failed(path, "stat", e);
        if (S_ISDIR(st.st_mode) && for_directory) {
                *ret_is_there = true;
                return 0;
        }
        if (S_ISDIR(st.st_mode))
                return remove_directory(parent, path, name, e);
        if (unlinkat(parent, name, 0) < 0)
                return tree_failed(path, "replace", e);
        *ret_was_whiteout = tree_is_whiteout(&st);
        return 0;
}

int tree_set_opaque(int fd, const struct entry_path *path, struct err *e)
{
        if (fsetxattr(fd, OPAQUE_XATTR, "y", 1, 0) == 0)
                return 0;
        tree_failed(path, "mark as opaque directory", e);
        if (e->code == ENOTSUP)
                return err_hint(e, "the image store needs a file system with user extended "
                                   "attributes");
        return -e->code;
}

int tree_open_new_directory(int parent, const struct entry_path *path, const char *name,
                            bool *ret_is_new, int *ret_fd, struct err *e)
{
        bool is_there = false;
        bool was_whiteout = false;

        if (mkdirat(parent, name, 0700) < 0) {
                if (errno != EEXIST)
                        return tree_failed(path, "make directory", e);
                if (tree_make_way(parent, path, name, true, &is_there, &was_whiteout, e) < 0)
                        return -e->code;
                if (!is_there && mkdirat(parent, name, 0700) < 0)
                        return tree_failed(path, "make directory", e);
        }
        autofd fd = beneath_open(parent, name, O_RDONLY | O_DIRECTORY);
        if (fd < 0)
                return tree_failed(path, "open directory", e);
        /* the layer removes the directory below and makes a new one */
        if (was_whiteout && tree_set_opaque(fd, path, e) < 0)
                return -e->code;
        *ret_is_new = !is_there;
        *ret_fd = fd_take(&fd);
        return 0;
}

bool tree_is_opaque(int fd)
{
        char value[2];

        return fgetxattr(fd, OPAQUE_XATTR, value, sizeof(value)) == 1 && value[0] == 'y';
}
