#include "policy-files.h"

#include "fd.h"
#include "io.h"
#include "lines.h"
#include "path.h"
#include "policy.h"
#include "str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX      ".policy"
#define MAX_PROJECT ((size_t)64 * 1024)
#define MAX_NAMES   10000

/*
 * The user, root, or who owns "/": where root is no id of this namespace, the files of the system
 * belong to nobody that has a number.
 */
static bool is_trusted_owner(const struct policy_files *f, uid_t uid)
{
        struct stat root;

        if (uid == 0 || uid == f->facts->uid)
                return true;
        return stat("/", &root) == 0 && root.st_uid == uid;
}

static int judge(const struct policy_files *f, const struct stat *st, const char *what,
                 const char *path, struct err *e)
{
        if (!is_trusted_owner(f, st->st_uid)) {
                err_set(e, EPERM, "%s '%s' belongs to user %u, not to you or root", what, path,
                        st->st_uid);
                return err_hint(e, "who can write it can loosen your policy: take a copy of yours");
        }
        if (st->st_mode & (S_IWGRP | S_IWOTH)) {
                err_set(e, EPERM, "%s '%s' can be written by others", what, path);
                return err_hint(e, "who can write it can loosen your policy: chmod go-w '%s'",
                                path);
        }
        return 0;
}

/* The text of an open file, which is a regular one. */
static int read_text(const struct policy_files *f, int fd, const char *name, size_t limit,
                     const char **ret, struct err *e)
{
        autofree char *text = NULL;
        size_t len = 0;

        if (io_read_all(fd, limit, name, &text, &len, e) < 0)
                return -e->code;
        if (strlen(text) != len)
                return err_set(e, EINVAL, "'%s' is no text: it holds a NUL byte", name);
        *ret = arena_copy_n(f->arena, text, len, e);
        return *ret ? 0 : -e->code;
}

/* O_NONBLOCK: a fifo in the place of a file must not hang us before it is judged. */
static int open_regular(const char *path, int flags, struct stat *ret_st, struct err *e)
{
        autofd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags);

        if (fd < 0)
                return err_sys(e, "cannot open '%s'", path);
        if (fstat(fd, ret_st) < 0)
                return err_sys(e, "cannot stat '%s'", path);
        if (!S_ISREG(ret_st->st_mode))
                return err_set(e, EINVAL, "'%s' is not a regular file", path);
        return fd_take(&fd);
}

static int read_policy(const struct policy_files *f, int fd, const struct stat *st,
                       struct policy_text *ret, struct err *e)
{
        if (judge(f, st, "policy", ret->name, e) < 0)
                return -e->code;
        return read_text(f, fd, ret->name, LINES_MAX_TEXT, &ret->text, e);
}

static const char *layer_dir(const struct policy_files *f, enum policy_layer layer)
{
        return layer == POLICY_SYSTEM ? POLICY_FILES_SYSTEM : f->user_dir;
}

/* The directory of a layer is judged only where it has a file: most have none. */
static int judge_dir(const struct policy_files *f, const char *dir, struct err *e)
{
        struct stat st;

        if (stat(dir, &st) < 0)
                return err_sys(e, "cannot stat '%s'", dir);
        return judge(f, &st, "directory", dir, e);
}

static int find_layer(void *user, enum policy_layer layer, const char *name,
                      struct policy_text *ret, struct err *e)
{
        struct policy_files *f = user;
        char path[PATH_MAX];
        const char *dir = layer_dir(f, layer);
        struct stat st;

        if (!dir)
                return 0;
        int n = snprintf(path, sizeof(path), "%s/%s" SUFFIX, dir, name);
        if (n < 0 || (size_t)n >= sizeof(path))
                return err_set(e, ENAMETOOLONG, "the path of policy '%s' is too long", name);
        autofd fd = open_regular(path, 0, &st, e);
        if (fd < 0) {
                if (e->code != ENOENT && e->code != ENOTDIR)
                        return -e->code;
                *e = (struct err){ .step = e->step };
                return 0;
        }
        ret->dir = dir;
        ret->path = ret->name = arena_copy(f->arena, path, e);
        if (!ret->path || judge_dir(f, dir, e) < 0)
                return -e->code;
        return read_policy(f, fd, &st, ret, e);
}

/* Names are clean but symlinks: that is how two policies which extend each other are told. */
static int find_file(void *user, const char *path, const char *dir, struct policy_text *ret,
                     struct err *e)
{
        struct policy_files *f = user;
        const char *base = dir ? dir : f->facts->cwd;
        bool is_absolute = path[0] == '/';
        const char *opened = path;
        struct stat st;

        if (path[0] == '~' && path[1] == '/' && f->facts->home) {
                opened = path_join(f->arena, f->facts->home, path + 2, e);
                if (!opened)
                        return -e->code;
                path = opened;
                is_absolute = true;
        } else if (!base && !is_absolute) {
                return err_set(e, ENOENT, "'%s': the current directory is gone", path);
        }
        ret->path = path_clean(f->arena, is_absolute ? "/" : base, path, e);
        if (!ret->path)
                return -e->code;
        ret->dir = path_parent(f->arena, ret->path, e);
        if (!ret->dir)
                return -e->code;
        ret->name = dir ? ret->path : ret->policy;
        /* the kernel has the last word on what ".." is */
        autofd fd = open_regular(dir ? ret->path : opened, 0, &st, e);
        if (fd < 0) {
                if (e->code == ENOENT && !is_absolute && !dir)
                        err_hint(e, "the name counts from the current directory");
        } else {
                read_policy(f, fd, &st, ret, e);
        }
        if (e->code != 0)
                return dir ? -e->code : err_prefix(e, "option '--policy'");
        return 0;
}

static bool is_own_dir(const struct policy_files *f, const char *dir)
{
        struct stat st;

        return stat(dir, &st) == 0 && st.st_uid == f->facts->uid;
}

/* Whether the directories above `from`, up to `dir`, belong to the user. */
static bool is_own_way(struct policy_files *f, const char *from, const char *dir)
{
        char path[PATH_MAX];
        size_t len = strlen(from);
        size_t end = strlen(dir);

        memcpy(path, from, len + 1);
        while (len > end) {
                while (path[--len] != '/')
                        ;
                path[len] = '\0';
                if (!is_own_dir(f, len > 0 ? path : "/"))
                        return false;
        }
        return true;
}

/* A symlink could lead to any file that only the user can read, and the errors would tell of it. */
static int add_project(struct policy_files *f, const char *path, size_t dir_len,
                       struct policy_set *set, struct err *e)
{
        struct policy_text t = { .policy = "project", .layer = POLICY_PROJECT };
        struct stat st;
        autofd fd = open_regular(path, O_NOFOLLOW, &st, e);

        if (fd < 0) {
                if (e->code != ELOOP)
                        return -e->code;
                err_set(e, ELOOP, "'%s' is a symlink", path);
                return err_hint(e, "a project's policy is a file of its own");
        }
        t.name = t.path = arena_copy(f->arena, path, e);
        t.dir = arena_copy_n(f->arena, path, dir_len > 0 ? dir_len : 1, e);
        t.keeps_syscalls = true;
        if (!t.path || !t.dir || read_text(f, fd, path, MAX_PROJECT, &t.text, e) < 0)
                return -e->code;
        return policy_set_add(f->arena, set, &t, e);
}

static int look_in(struct policy_files *f, const char *cwd, size_t len, struct policy_set *set,
                   struct err *e)
{
        static const char name[] = "/" POLICY_FILES_PROJECT;
        char path[PATH_MAX + sizeof(name)];

        memcpy(path, cwd, len);
        memcpy(path + len, name, sizeof(name));
        if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
                if (errno == ENOENT || errno == ENOTDIR || errno == EACCES)
                        return 0;
                return err_sys(e, "cannot look for '%s'", path);
        }
        path[len] = '\0';
        if (!is_own_way(f, cwd, path))
                return 0;
        path[len] = '/';
        return add_project(f, path, len, set, e);
}

/* Outermost first; in most runs there is none, and all that is done is to find that out. */
static int add_projects(struct policy_files *f, struct policy_set *set, struct err *e)
{
        const char *cwd = f->facts->cwd;

        if (!cwd)
                return 0;
        for (size_t len = 0;; len += 1 + strcspn(cwd + len + 1, "/")) {
                if (look_in(f, cwd, len, set, e) < 0)
                        return -e->code;
                if (cwd[len] == '\0' || str_eq(cwd, "/"))
                        return 0;
        }
}

int policy_files_start(struct policy_files *ret, struct arena *arena,
                       const struct plan_facts *facts, struct err *e)
{
        const char *config = getenv("XDG_CONFIG_HOME");

        *ret = (struct policy_files){ .arena = arena, .facts = facts };
        /* by the specification a relative one counts for nothing */
        if (config && config[0] == '/')
                ret->user_dir = path_join(arena, config, "kelp", e);
        else if (facts->home)
                ret->user_dir = path_join(arena, facts->home, ".config/kelp", e);
        return e->code == 0 ? 0 : -e->code;
}

static int list_dir(struct policy_files *f, DIR *dir, const char *name, const char ***ret,
                    struct err *e)
{
        size_t n = 0;
        struct dirent *entry;

        while (errno = 0, (entry = readdir(dir))) {
                size_t len = strlen(entry->d_name);

                if (!str_has_suffix(entry->d_name, SUFFIX))
                        continue;
                char *copy = arena_copy_n(f->arena, entry->d_name, len - (sizeof(SUFFIX) - 1), e);
                if (!copy)
                        return -e->code;
                if (!policy_is_name(copy))
                        continue;
                if (arena_grow(f->arena, ret, n, sizeof(**ret), MAX_NAMES, "policies", e) < 0)
                        return -e->code;
                (*ret)[n++] = copy;
        }
        if (errno)
                return err_sys(e, "cannot list '%s'", name);
        if (arena_grow(f->arena, ret, n, sizeof(**ret), MAX_NAMES + 1, "policies", e) < 0)
                return -e->code;
        (*ret)[n] = NULL;
        return 0;
}

int policy_files_list(struct policy_files *f, enum policy_layer layer, const char ***ret,
                      struct err *e)
{
        static const char *none[] = { NULL };
        const char *name = layer_dir(f, layer);
        autodir *dir = name ? opendir(name) : NULL;

        *ret = NULL;
        if (dir)
                return list_dir(f, dir, name, ret, e);
        *ret = none;
        if (!name || errno == ENOENT || errno == ENOTDIR)
                return 0;
        return err_sys(e, "cannot open '%s'", name);
}

static int list_asked(const struct policy_files *f, const struct option_list *options,
                      const char ***ret, size_t *ret_n, struct err *e)
{
        for (size_t i = 0; i < options->n; i++) {
                if (!str_eq(options->uses[i].row->name, "policy"))
                        continue;
                if (arena_grow(f->arena, ret, *ret_n, sizeof(**ret), OPTION_MAX_USES, "policies",
                               e) < 0)
                        return -e->code;
                (*ret)[(*ret_n)++] = options->uses[i].value;
        }
        return 0;
}

/* For a hint alone: what cannot be listed is not there. */
static const char *const *list_names(void *user)
{
        static const char *const none[] = { NULL };
        struct policy_files *f = user;
        const char **names;
        struct err unused = { 0 };

        for (enum policy_layer layer = POLICY_USER; layer >= POLICY_SYSTEM; layer--) {
                if (policy_files_list(f, layer, &names, &unused) == 0 && names[0])
                        return names;
        }
        return none;
}

int policy_files_collect(struct policy_files *f, const struct option_list *options, bool is_image,
                         struct policy_set *ret, struct plan_problems *problems)
{
        const struct policy_source source = {
                .user = f, .layer = find_layer, .file = find_file, .names = list_names
        };
        const char **asked = NULL;
        size_t n_asked = 0;
        struct err e = { 0 };

        if (list_asked(f, options, &asked, &n_asked, &e) < 0) {
                plan_add_problem(problems, &e);
                return -EINVAL;
        }
        int r = policy_collect(f->arena, &source, is_image, asked, n_asked, ret, problems);
        ret->dirs[0] = POLICY_FILES_SYSTEM;
        ret->dirs[1] = f->user_dir;
        if (add_projects(f, ret, &e) == 0)
                return r;
        plan_add_problem(problems, &e);
        return -EINVAL;
}
