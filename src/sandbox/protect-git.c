#include "protect-git.h"

#include "fd.h"
#include "git-config.h"
#include "git-dir.h"
#include "io.h"
#include "path.h"
#include "resolve.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * What a repository's files name is looked up as git will do it on the host, by descriptor, and
 * kept by the kernel's name for it: keep_host_path() takes what lies in a writable directory of
 * the sandbox and leaves the rest.  The text counts as well as what it leads to now, for a symlink
 * on the way is kept by its own name, and what is absent is watched.
 *
 * All of it is the payload's word, of an earlier run.  It can make more be kept than git obeys, up
 * to a refusal; what is read has a limit.
 */

#define MAX_CONFIG       (1u << 20)
#define MAX_CONFIG_PATHS 500
#define MAX_INCLUDES     10 /* one in another, as git has it */

/* A directory that has a .git, or that is a git directory. */
struct repo {
        struct keep *keep;
        const struct keep_area *area;
        const char *home; /* what "~" stands for */
        const char *dir;  /* below the area; "" is the area itself */
        int fd;           /* of the directory */
        size_t n_paths;   /* in configurations, so far */
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

/* What makes a directory a repository, or git's own. */
static int watch_git(const struct repo *r, struct err *e)
{
        static const char *const names[] = { ".git", "HEAD" };
        struct stat st;

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                if (fstatat(r->fd, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
                        continue;
                const char *name = name_below(r, names[i], e);
                const char *path =
                        name ? path_join(&r->keep->scratch, r->area->host_path, name, e) : NULL;
                if (!path || keep_watch(r->keep, path, NULL, e) < 0)
                        return -e->code;
        }
        return 0;
}

/*
 * Keeps `text` as it is seen from the directory `dirfd`, once by that name and once by the name of
 * what it leads to.  *ret_fd is that, O_PATH, or -1.
 */
static int keep_path(const struct repo *r, int dirfd, const char *text, int *ret_fd, struct err *e)
{
        autofd fd = openat(dirfd, text, O_PATH | O_CLOEXEC);
        struct err why = { 0 };
        char name[PATH_MAX];

        *ret_fd = -1;
        if (!resolve_name_of(dirfd, name, sizeof(name)))
                return 0;
        const char *path = path_clean(&r->keep->scratch, name, text, &why);
        /* what is longer than a path can be is none */
        if (!path && why.code != ENAMETOOLONG) {
                *e = why;
                return -e->code;
        }
        if (path && keep_host_path(r->keep, path, e) < 0)
                return -e->code;
        if (fd < 0 || !resolve_name_of(fd, name, sizeof(name)))
                return 0;
        if ((!path || !str_eq(path, name)) && keep_host_path(r->keep, name, e) < 0)
                return -e->code;
        *ret_fd = fd_take(&fd);
        return 0;
}

/* `name` becomes the kernel's name of it. */
static bool is_in_area(const struct keep *k, int fd, char name[PATH_MAX])
{
        if (!resolve_name_of(fd, name, PATH_MAX))
                return false;
        for (size_t i = 0; i < k->n_areas; i++) {
                if (path_is_in(name, k->areas[i].host_path))
                        return true;
        }
        return false;
}

/* What is no file, or is closed to the user, git does not read either: *ret_text is NULL. */
static int read_config(int file, char **ret_text, size_t *ret_len, struct err *e)
{
        struct err why = { 0 };
        char link[32];
        struct stat st;

        if (file < 0 || fstat(file, &st) < 0 || !S_ISREG(st.st_mode))
                return 0;
        snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
        if (io_read_file(AT_FDCWD, link, MAX_CONFIG, ret_text, ret_len, &why) == 0)
                return 0;
        if (why.code == EFBIG)
                return err_set(e, EFBIG, "a git configuration is larger than %u bytes", MAX_CONFIG);
        if (why.code == ENOMEM)
                return err_set(e, ENOMEM, "out of memory");
        return 0;
}

static const char *expand_home(const struct repo *r, const char *value, struct err *e)
{
        if (str_eq(value, "~") || str_has_prefix(value, "~/"))
                return arena_print(&r->keep->scratch, e, "%s%s", r->home ? r->home : "", value + 1);
        return value;
}

static int keep_config(struct repo *r, int dirfd, const char *name, int depth, struct err *e);

/* Only what the payload could write is read for what it includes in turn. */
static int keep_include(struct repo *r, int dirfd, const char *path, int depth, struct err *e)
{
        autofd file = -1;
        char at[PATH_MAX];

        if (keep_path(r, dirfd, path, &file, e) < 0)
                return -e->code;
        if (file < 0 || depth >= MAX_INCLUDES || !is_in_area(r->keep, file, at))
                return 0;
        return keep_config(r, dirfd, path, depth + 1, e);
}

/*
 * What a configuration file names.  Hooks are relative to the top of the worktree, where git runs
 * them; included files to the directory of the file that names them.
 */
static int keep_config(struct repo *r, int dirfd, const char *name, int depth, struct err *e)
{
        const char *slash = strrchr(name, '/');
        const char *parent =
                slash ? arena_copy_n(&r->keep->scratch, name, (size_t)(slash - name) + 1, e) : ".";
        autofd file = openat(dirfd, name, O_PATH | O_CLOEXEC);
        autofree char *text = NULL;
        size_t len = 0;

        if (!parent || read_config(file, &text, &len, e) < 0)
                return -e->code;
        if (!text)
                return 0;
        autofd dir = openat(dirfd, parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct git_config config = { .at = text, .end = text + len };
        struct git_config_path found;
        while (dir >= 0 && git_config_next(&config, &found)) {
                const char *path = expand_home(r, found.value, e);
                autofd hooks = -1;
                int code;

                if (++r->n_paths > MAX_CONFIG_PATHS)
                        return err_set(e, E2BIG,
                                       "the git configuration in '%s/%s' names more than %d paths",
                                       r->area->box_path, r->dir, MAX_CONFIG_PATHS);
                if (!path)
                        return -e->code;
                if (found.key == GIT_CONFIG_INCLUDE)
                        code = keep_include(r, dir, path, depth, e);
                else
                        code = keep_path(r, r->fd, path, &hooks, e);
                if (code < 0)
                        return code;
        }
        return 0;
}

static int keep_configs(struct repo *r, int git_dir, struct err *e)
{
        if (git_dir < 0)
                return 0;
        if (keep_config(r, git_dir, "config", 0, e) < 0)
                return -e->code;
        return keep_config(r, git_dir, "config.worktree", 0, e);
}

/*
 * What git goes on with at the next --continue: a list of what to do, commands among it.  It is the
 * payload's to change, who may well be the one to go on.
 */
static int watch_going_on(const struct repo *r, int git_dir, struct err *e)
{
        static const char *const names[] = { "rebase-merge", "rebase-apply", "sequencer" };
        char dir[PATH_MAX];

        if (git_dir < 0 || !is_in_area(r->keep, git_dir, dir))
                return 0;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                const char *path = path_join(&r->keep->scratch, dir, names[i], e);

                if (!path || keep_watch_inside(r->keep, path, e) < 0)
                        return -e->code;
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

                if (keep_git_names_at(r, git, e) < 0 || keep_configs(r, git, e) < 0 ||
                    watch_going_on(r, git, e) < 0 ||
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
        for (size_t i = 0; i < names.n_dirs; i++) {
                autofd git = openat(r->fd, names.dirs[i], O_PATH | O_DIRECTORY | O_CLOEXEC);

                if (watch_going_on(r, git, e) < 0)
                        return -e->code;
        }
        if (names.has_git_dir) {
                autofd git = openat(r->fd, ".git", O_PATH | O_DIRECTORY | O_CLOEXEC);

                if (keep_configs(r, git, e) < 0)
                        return -e->code;
        }
        return names.is_git_dir ? keep_configs(r, r->fd, e) : 0;
}

int protect_git_top(const struct plan *plan, struct keep *k, const struct keep_area *area,
                    struct err *e)
{
        struct repo r = {
                .keep = k, .area = area, .home = plan->files.home, .dir = "", .fd = area->fd
        };

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
        struct repo r = { .keep = k, .area = area, .home = plan->files.home, .dir = dir, .fd = fd };

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
