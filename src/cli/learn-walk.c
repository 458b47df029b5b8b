#include "learn-walk.h"

#include "fd.h"
#include "str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* As many as a run looks at in one share: a policy with more of them could not be used. */
#define MAX_LOOKED 1000000u
#define MAX_DEPTH  256

struct walk {
        learn_walk_fn *each;
        void *arg;
        char path[PATH_MAX];
        size_t looked;
};

static int walk_dir(struct walk *w, int dirfd, size_t len, int depth, struct err *e);

static int walk_child(struct walk *w, int dirfd, const char *name, size_t len, int depth,
                      struct err *e)
{
        int child = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (child >= 0)
                return walk_dir(w, child, len, depth, e);
        /* gone meanwhile, or what the user cannot list, a sandbox of his cannot either */
        if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EACCES)
                return 0;
        return err_sys(e, "cannot look for secrets in '%s'", w->path);
}

static int walk_entry(struct walk *w, int dirfd, const struct dirent *entry, size_t len, int depth,
                      struct err *e)
{
        size_t room = sizeof(w->path) - len;
        int n = snprintf(w->path + len, room, "/%s", entry->d_name);
        struct stat st;

        if (++w->looked > MAX_LOOKED)
                return err_set(e, E2BIG, "it has more than %u files", MAX_LOOKED);
        if (n < 0 || (size_t)n >= room)
                return err_set(e, E2BIG, "a name in it is too long");
        if (fstatat(dirfd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT || errno == EACCES
                               ? 0
                               : err_sys(e, "cannot look at '%s'", w->path);
        int into = w->each(w->path, S_ISDIR(st.st_mode), w->arg, e);
        if (into <= 0 || !S_ISDIR(st.st_mode))
                return into < 0 ? into : 0;
        return walk_child(w, dirfd, entry->d_name, len + (size_t)n, depth + 1, e);
}

/* Takes `dirfd`. */
static int walk_dir(struct walk *w, int dirfd, size_t len, int depth, struct err *e)
{
        int fd = dirfd;
        autodir *dir = fd_take_dir(&fd);
        struct dirent *entry;

        if (!dir)
                return err_sys(e, "cannot list '%s'", w->path);
        if (depth > MAX_DEPTH)
                return err_set(e, E2BIG, "it is more than %d directories deep", MAX_DEPTH);
        while (errno = 0, (entry = readdir(dir))) {
                if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
                        continue;
                if (walk_entry(w, dirfd, entry, len, depth, e) < 0)
                        return -e->code;
                w->path[len] = '\0';
        }
        return errno ? err_sys(e, "cannot list '%s'", w->path) : 0;
}

int learn_walk(const char *dir, learn_walk_fn *each, void *each_arg, void *unused, struct err *e)
{
        struct walk w = { .each = each, .arg = each_arg };
        int n = snprintf(w.path, sizeof(w.path), "%s", dir);

        (void)unused;
        if (n < 0 || (size_t)n >= sizeof(w.path))
                return err_set(e, E2BIG, "its name is too long");
        return walk_child(&w, AT_FDCWD, dir, (size_t)n, 0, e);
}
