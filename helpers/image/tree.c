#include "tree-inner.h"

#include "beneath.h"
#include "fd.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct level *tree_top(struct tree *t)
{
        return &t->levels[t->n_levels - 1];
}

/* ENOTDIR, which tells this case from others. */
static int refuse_parent(const struct entry_path *path, const struct stat *st, struct err *e)
{
        return err_set(e, ENOTDIR, "entry '%.200s' is refused: a parent of it is %s", path->text,
                       S_ISLNK(st->st_mode) ? "a symbolic link" : "not a directory");
}

static int leave(struct tree *t, struct err *e)
{
        struct level *level = tree_top(t);

        if (level->is_touched && tree_set_time(level->fd, level->mtime) < 0)
                return err_sys(e, "cannot set the time of directory '%.200s'", level->name);
        fd_close(&level->fd);
        t->n_levels--;
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
        const struct tree_attr attr = { .mode = st.st_mode, .uid = st.st_uid, .gid = st.st_gid };
        if (tree_open_new_directory(tree_top(t)->fd, path, name, &is_new, ret_fd, e) < 0 ||
            tree_set_directory(t, *ret_fd, path, &attr, e) < 0)
                return -e->code;
        tree_top(t)->is_touched = true;
        *ret_mtime = st.st_mtim;
        return 0;
}

void tree_push(struct tree *t, const char *name, int *fd, struct timespec mtime, bool is_touched)
{
        struct level *level = &t->levels[t->n_levels++];

        memcpy(level->name, name, strlen(name) + 1);
        level->mtime = mtime;
        level->is_touched = is_touched;
        level->fd = fd_take(fd);
}

/*
 * Enters the component `name`, which ends at byte `upto` of the path.  What is there but neither a
 * directory nor a whiteout is an error.
 */
static int enter(struct tree *t, const struct entry_path *path, const char *name, size_t upto,
                 struct err *e)
{
        autofd fd = beneath_open(tree_top(t)->fd, name, O_RDONLY | O_DIRECTORY);
        bool is_implied = false;
        struct stat st = { 0 };

        if (fd < 0) {
                if (fstatat(tree_top(t)->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                    !tree_is_whiteout(&st))
                        return refuse_parent(path, &st, e);
                if (make_implied(t, path, name, upto, &fd, &st.st_mtim, e) < 0)
                        return -e->code;
                is_implied = true;
        } else if (fstat(fd, &st) < 0) {
                return tree_failed(path, "stat the parent of", e);
        }
        tree_push(t, name, &fd, st.st_mtim, is_implied);
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

int tree_go(struct tree *t, const struct entry_path *path, struct err *e)
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
        return tree_top(t)->fd;
}

/* tree_go(), for an entry that changes the directory; the root itself cannot be such an entry. */
int tree_go_to_change(struct tree *t, const struct entry_path *path, struct err *e)
{
        if (path->len == 0)
                return tree_refuse(path, "the layer's root can only be a directory", e);
        int fd = tree_go(t, path, e);
        if (fd >= 0)
                tree_top(t)->is_touched = true;
        return fd;
}

int tree_go_to_root(struct tree *t, struct err *e)
{
        while (t->n_levels > 1) {
                if (leave(t, e) < 0)
                        return -e->code;
        }
        return 0;
}

int tree_open(int fd, bool has_owners, tree_lower *lower, void *lower_context, struct tree **ret,
              struct err *e)
{
        autotree *t = mem_alloc(sizeof(*t), e);

        if (!t)
                return -e->code;
        t->has_owners = has_owners;
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
