#include "protect-git.h"

#include "fd.h"
#include "git-dir.h"
#include "io.h"
#include "path.h"
#include "resolve.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A directory that has a .git, or that is a git directory. */
struct repo {
        struct keep *keep;
        const struct keep_area *area;
        const char *dir; /* below the area; "" is the area itself */
        int fd;          /* of the directory */
};

static const char *name_below(const struct repo *r, const char *name, struct err *e)
{
        struct arena *a = &r->keep->scratch;

        return *r->dir ? arena_print(a, e, "%s/%s", r->dir, name) : arena_copy(a, name, e);
}

static int keep_below(const struct repo *r, const char *name, struct err *e)
{
        const char *path = name_below(r, name, e);

        return path ? keep_name(r->keep, r->area, path, e) : -e->code;
}

/* What git would act upon at the next command outside, and what makes a directory git's own. */
static int watch_git(const struct repo *r, struct err *e)
{
        static const char *const names[] = { ".git", ".git/rebase-merge", ".git/rebase-apply",
                                             ".git/sequencer", "HEAD" };
        struct stat st;

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                if (fstatat(r->fd, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
                        continue;
                const char *name = name_below(r, names[i], e);
                const char *path =
                        name ? path_join(&r->keep->scratch, r->area->host_path, name, e) : NULL;
                if (!path || keep_watch(r->keep, path, NULL, e) < 0)
                        return -e->code;
                if (i == 0)
                        i = 3; /* without it there is nothing in it */
        }
        return 0;
}

static int keep_git_names_at(const struct repo *r, int git_dir, struct err *e)
{
        static const char *const names[] = { "hooks",           "config",    "config.worktree",
                                             "info/attributes", "commondir", "gitdir" };
        char dir[PATH_MAX];

        if (!resolve_name_of(git_dir, dir, sizeof(dir)))
                return 0;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                const char *path = path_join(&r->keep->scratch, dir, names[i], e);

                if (!path || keep_host_path(r->keep, path, e) < 0)
                        return -e->code;
        }
        return 0;
}

/*
 * Opens the directory that a small file of git's names, relative to its own: behind "gitdir: " in a
 * .git file, alone in commondir.  *ret_fd is -1 when there is none; an absent one is watched.
 */
static int open_named(const struct repo *r, int dirfd, const char *name, const char *head,
                      int *ret_fd, struct err *e)
{
        char text[PATH_MAX + 16];
        ssize_t n = io_read_small(dirfd, name, text, sizeof(text));
        const char *path = text + strlen(head);
        char at[PATH_MAX];

        *ret_fd = -1;
        if (n <= 0 || !str_has_prefix(text, head))
                return 0;
        while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
                text[--n] = '\0';
        if (*path == '\0')
                return 0;
        *ret_fd = openat(dirfd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (*ret_fd >= 0 || errno != ENOENT || !resolve_name_of(dirfd, at, sizeof(at)))
                return 0;
        const char *absent = path_clean(&r->keep->scratch, at, path, e);
        return absent ? keep_host_path(r->keep, absent, e) : -e->code;
}

/* A worktree's .git is a file that names its git directory; that may name a common one in turn. */
static int keep_git_file(struct repo *r, struct err *e)
{
        autofd git = -1;

        if (open_named(r, r->fd, ".git", "gitdir: ", &git, e) < 0)
                return -e->code;
        for (int i = 0; git >= 0 && i < 2; i++) {
                autofd common = -1;

                if (keep_git_names_at(r, git, e) < 0 ||
                    open_named(r, git, "commondir", "", &common, e) < 0)
                        return -e->code;
                fd_close(&git);
                git = fd_take(&common);
        }
        return 0;
}

static int keep_repo(struct repo *r, struct err *e)
{
        struct git_names names = { 0 };

        if (watch_git(r, e) < 0 || keep_git_file(r, e) < 0 ||
            git_find_names(&r->keep->scratch, r->fd, &names, e) < 0)
                return -e->code;
        for (size_t i = 0; i < names.n; i++) {
                if (keep_below(r, names.items[i], e) < 0)
                        return -e->code;
        }
        return 0;
}

int protect_git_top(struct keep *k, const struct keep_area *area, struct err *e)
{
        struct repo r = { .keep = k, .area = area, .dir = "", .fd = area->fd };

        k->origin = "git";
        return keep_repo(&r, e);
}

/* One that the user cannot look into now can be opened from inside by its owner. */
static bool can_look_into(int dirfd)
{
        autofd git = openat(dirfd, ".git", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct stat st;

        if (git < 0)
                return errno != EACCES;
        return fstatat(git, ".", &st, 0) == 0;
}

static int keep_planned(const struct plan *plan, const struct repo *r, struct err *e)
{
        for (size_t i = 0; i < plan->files.n_rules; i++) {
                const struct plan_rule *rule = &plan->files.rules[i];

                if (rule->kind != PLAN_RULE_PROTECTED || !path_is_in(rule->box_path, ".git"))
                        continue;
                r->keep->origin = rule->origin;
                if (keep_below(r, rule->box_path, e) < 0)
                        return -e->code;
        }
        r->keep->origin = "git";
        return 0;
}

int protect_git_below(const struct plan *plan, struct keep *k, const struct keep_area *area,
                      const char *dir, struct err *e)
{
        autofd fd = resolve_in_root(area->fd, dir, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
        struct repo r = { .keep = k, .area = area, .dir = dir, .fd = fd };

        /* gone since it was found; a symlink in its place is not followed */
        if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
                return 0;
        if (fd < 0)
                return err_set(e, -fd, "cannot protect the repository '%s/%s': %s", area->box_path,
                               dir, err_name(-fd));
        if (!can_look_into(fd))
                return keep_below(&r, ".git", e);
        if (keep_planned(plan, &r, e) < 0)
                return -e->code;
        return keep_repo(&r, e);
}
