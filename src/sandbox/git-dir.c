#include "git-dir.h"

#include "fd.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_NAMES 1000
#define MAX_DEPTH 8

static int add(struct arena *a, struct git_names *names, const char *dir, const char *name,
               struct err *e)
{
        const char *path = *dir ? arena_print(a, e, "%s/%s", dir, name) : arena_copy(a, name, e);

        if (!path || arena_grow(a, &names->items, names->n, sizeof(*names->items), MAX_NAMES,
                                "git directories to protect", e) < 0)
                return -e->code;
        names->items[names->n++] = path;
        return 0;
}

static int add_dir(struct arena *a, struct git_names *names, const char *dir, struct err *e)
{
        const char *path = arena_copy(a, *dir ? dir : ".", e);

        if (!path || arena_grow(a, &names->dirs, names->n_dirs, sizeof(*names->dirs), MAX_NAMES,
                                "git directories to protect", e) < 0)
                return -e->code;
        names->dirs[names->n_dirs++] = path;
        return 0;
}

static int judge_git_dir(int dirfd, bool *ret_is_one, struct err *e)
{
        static const char *const marks[] = { "HEAD", "objects", "refs" };
        struct stat st;

        *ret_is_one = false;
        for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
                if (fstatat(dirfd, marks[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
                        continue;
                return errno == ENOENT ? 0 : err_sys(e, "cannot look for '%s' of git", marks[i]);
        }
        *ret_is_one = true;
        return 0;
}

static int add_git_dir(struct arena *a, struct git_names *names, const char *dir, struct err *e)
{
        static const char *const obeyed[] = { "hooks", "config", "config.worktree", "commondir" };

        for (size_t i = 0; i < sizeof(obeyed) / sizeof(obeyed[0]); i++) {
                if (add(a, names, dir, obeyed[i], e) < 0)
                        return -e->code;
        }
        return add_dir(a, names, dir, e);
}

/* *ret_fd is -1 when there is none.  A directory that is closed now can be opened from inside. */
static int open_child(int dirfd, const char *name, int *ret_fd, struct err *e)
{
        *ret_fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (*ret_fd >= 0 || errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
                return 0;
        return err_sys(e, "cannot look for what git obeys in '%s'", name);
}

static int open_followed(int dirfd, const char *name, int *ret_fd, struct err *e)
{
        *ret_fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (*ret_fd >= 0 || errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
                return 0;
        return err_sys(e, "cannot look for what git obeys in '%s'", name);
}

typedef int visit_fn(struct arena *a, struct git_names *names, int dirfd, const char *dir,
                     int depth, struct err *e);

static int visit_children(struct arena *a, struct git_names *names, int dirfd, const char *dir,
                          int depth, visit_fn *visit, struct err *e)
{
        int copy = fcntl(dirfd, F_DUPFD_CLOEXEC, 3);
        autodir *list = fd_take_dir(&copy);
        struct dirent *entry;

        if (!list)
                return err_sys(e, "cannot list '%s'", dir);
        while (errno = 0, (entry = readdir(list))) {
                autofd child = -1;

                if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
                        continue;
                if (open_child(dirfd, entry->d_name, &child, e) < 0)
                        return -e->code;
                if (child < 0)
                        continue;
                char *path = arena_print(a, e, "%s/%s", dir, entry->d_name);
                if (!path || visit(a, names, child, path, depth, e) < 0)
                        return -e->code;
        }
        return errno ? err_sys(e, "cannot list '%s'", dir) : 0;
}

/* .git/modules/NAME, where NAME may have slashes: look down until there is a git directory. */
static int visit_module(struct arena *a, struct git_names *names, int dirfd, const char *dir,
                        int depth, struct err *e)
{
        bool is_git_dir;

        if (judge_git_dir(dirfd, &is_git_dir, e) < 0)
                return -e->code;
        if (is_git_dir) {
                if (add_git_dir(a, names, dir, e) < 0)
                        return -e->code;
                autofd inner = -1;
                char *path = arena_print(a, e, "%s/modules", dir);
                if (!path || open_child(dirfd, "modules", &inner, e) < 0)
                        return -e->code;
                if (inner < 0 || depth >= MAX_DEPTH)
                        return 0;
                return visit_children(a, names, inner, path, depth + 1, visit_module, e);
        }
        if (depth >= MAX_DEPTH)
                return err_set(e, ELOOP, "cannot protect '%s': too deep", dir);
        return visit_children(a, names, dirfd, dir, depth + 1, visit_module, e);
}

static int visit_worktree(struct arena *a, struct git_names *names, int dirfd, const char *dir,
                          int depth, struct err *e)
{
        (void)dirfd;
        (void)depth;
        if (add(a, names, dir, "config.worktree", e) < 0 || add(a, names, dir, "commondir", e) < 0)
                return -e->code;
        if (add(a, names, dir, "gitdir", e) < 0)
                return -e->code;
        return add_dir(a, names, dir, e);
}

static int find_in(struct arena *a, struct git_names *names, int git, const char *dir,
                   struct err *e)
{
        autofd modules = -1;
        autofd worktrees = -1;
        const char *slash = *dir ? "/" : "";

        if (open_child(git, "modules", &modules, e) < 0 ||
            open_child(git, "worktrees", &worktrees, e) < 0)
                return -e->code;
        if (modules >= 0) {
                char *path = arena_print(a, e, "%s%smodules", dir, slash);

                if (!path || visit_children(a, names, modules, path, 0, visit_module, e) < 0)
                        return -e->code;
        }
        if (worktrees >= 0) {
                char *path = arena_print(a, e, "%s%sworktrees", dir, slash);

                if (!path || visit_children(a, names, worktrees, path, 0, visit_worktree, e) < 0)
                        return -e->code;
        }
        return 0;
}

int git_find_names(struct arena *a, int dirfd, struct git_names *ret, struct err *e)
{
        autofd dot_git = -1;
        struct git_names names = { 0 };
        bool is_git_dir;

        /* a symlink is followed, as git does; its target is protected by the same names */
        if (open_followed(dirfd, ".git", &dot_git, e) < 0 ||
            judge_git_dir(dirfd, &is_git_dir, e) < 0)
                return -e->code;
        if (dot_git >= 0 &&
            (find_in(a, &names, dot_git, ".git", e) < 0 ||
             add(a, &names, ".git", "commondir", e) < 0 || add_dir(a, &names, ".git", e) < 0))
                return -e->code;
        if (is_git_dir) {
                autofd self = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

                if (self < 0)
                        return err_sys(e, "cannot open a git directory to protect it");
                if (add_git_dir(a, &names, "", e) < 0 || find_in(a, &names, self, "", e) < 0)
                        return -e->code;
        }
        names.has_git_dir = dot_git >= 0;
        names.is_git_dir = is_git_dir;
        *ret = names;
        return 0;
}
