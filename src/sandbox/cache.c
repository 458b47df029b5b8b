#include "cache.h"

#include "fd.h"
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * What is shown writable is found step by step.  Only the user's own cache directory may be a
 * symlink, as it is where homes are small.  Each directory below is opened by its name in the one
 * above, without following, and judged when it is open: what others can write to, they fill for the
 * next run, and where they can rename they put another directory of the user's.
 */

struct step {
        const char *name;
        mode_t forbidden;
};

/* In the user's own cache directory it does for others to write, as in /tmp, if they cannot rename. */
static bool is_safe_home(const struct stat *st)
{
        return (st->st_uid == geteuid() || st->st_uid == 0) &&
               (st->st_mode & S_ISVTX || !(st->st_mode & (S_IWGRP | S_IWOTH)));
}

/* Of what is judged: `name` as errors have it, `path` as a hint can be typed. */
struct judged {
        const char *name;
        const char *path;
        mode_t forbidden;
};

/* What a run left without a right of its owner's would let the next one start, and its writes fail. */
static bool is_closed(const struct judged *j, const struct stat *st)
{
        return j->forbidden != 0 && st->st_uid == geteuid() && (st->st_mode & S_IRWXU) != S_IRWXU;
}

static int judge(int fd, const struct judged *j, struct err *e)
{
        struct stat st;

        if (fstat(fd, &st) < 0)
                return err_sys(e, "cannot stat '%s'", j->name);
        bool is_safe = j->forbidden == 0 ? is_safe_home(&st)
                                         : st.st_uid == geteuid() && !(st.st_mode & j->forbidden);
        if (is_safe && !is_closed(j, &st))
                return 0;
        if (st.st_uid != geteuid()) {
                err_set(e, EPERM, "'%s' belongs to user %u", j->name, st.st_uid);
                return err_hint(e, "caches lie in a directory of your own: set XDG_CACHE_HOME");
        }
        mode_t mode = st.st_mode & 07777;
        if (is_safe) {
                err_set(e, EACCES, "'%s' is closed to you, its mode is %03o", j->name, mode);
                return err_hint(e, "chmod u+rwx '%s'", j->path);
        }
        err_set(e, EPERM, "'%s' is open to others, its mode is %o", j->name, mode);
        return err_hint(e, "look at what they may have left there, then: chmod go-rwx '%s'",
                        j->path);
}

/* *ret is -1 for what is not there yet and is not to be made. */
static int enter(int dir, const struct judged *j, bool may_make, int *ret, struct err *e)
{
        if (may_make && mkdirat(dir, j->name, 0700) < 0 && errno != EEXIST)
                return err_sys(e, "cannot make '%s'", j->name);
        autofd fd = openat(dir, j->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT && !may_make) {
                *ret = -1;
                return 0;
        }
        if (fd < 0) {
                /* a run can take the right to its cache from the next one */
                if (err_sys(e, "cannot open '%s'", j->name) == -EACCES)
                        return err_hint(e, "chmod u+rwx '%s'", j->path);
                return err_hint(e, "it has to be a directory, not a symlink to one");
        }
        if (judge(fd, j, e) < 0)
                return -e->code;
        *ret = fd_take(&fd);
        return 0;
}

static int open_home(const char *path, bool may_make, int *ret, struct err *e)
{
        if (may_make && mkdir(path, 0700) < 0 && errno != EEXIST) {
                err_sys(e, "cannot make '%s'", path);
                return err_hint(e, "mkdir -p it, or set XDG_CACHE_HOME");
        }
        autofd fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT && !may_make) {
                *ret = -1;
                return 0;
        }
        if (fd < 0)
                return err_sys(e, "cannot open '%s'", path);
        if (judge(fd, &(struct judged){ .name = path, .path = path }, e) < 0)
                return -e->code;
        *ret = fd_take(&fd);
        return 0;
}

static int open_all(const struct plan *p, struct arena *a, const char *cache, int *ret,
                    struct err *e)
{
        const struct step steps[] = {
                { "kelp", S_IWGRP | S_IWOTH },
                { "caches", S_IRWXG | S_IRWXO },
                { cache, S_IWGRP | S_IWOTH },
        };
        bool may_make = !p->report.is_dry_run;
        const char *path = p->files.cache_home;
        autofd dir = -1;

        if (open_home(path, may_make, &dir, e) < 0)
                return -e->code;
        for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && dir >= 0; i++) {
                int next = -1;

                path = path_join(a, path, steps[i].name, e);
                if (!path)
                        return -e->code;
                const struct judged j = { steps[i].name, path, steps[i].forbidden };
                if (enter(dir, &j, may_make, &next, e) < 0)
                        return -e->code;
                fd_close(&dir);
                dir = next;
        }
        *ret = fd_take(&dir);
        return 0;
}

int cache_open(const struct plan *p, struct arena *a, const struct plan_rule *asked,
               struct source *ret, struct err *e)
{
        char name[PATH_MAX];
        autofd fd = -1;

        if (open_all(p, a, asked->cache, &fd, e) < 0) {
                err_prefix(e, "cache '%s'", asked->cache);
                return err_prefix(e, "%s", asked->origin);
        }
        ret->path = asked->host_path;
        ret->st.st_mode = S_IFDIR;
        if (fd < 0)
                return 0;
        if (fstat(fd, &ret->st) < 0)
                return err_sys(e, "cannot stat '%s'", asked->host_path);
        if (!resolve_name_of(fd, name, sizeof(name)))
                return err_set(e, ESTALE, "cannot tell the real name of '%s'", asked->host_path);
        ret->path = arena_copy(a, name, e);
        if (!ret->path)
                return -e->code;
        ret->fd = fd_take(&fd);
        return 0;
}
