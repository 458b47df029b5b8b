#include "learn-home.h"

#include "fd.h"
#include "io.h"
#include "mounts.h"
#include "path.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_TABLE (16u << 20)
#define MAX_PARTS 500 /* a plan has a thousand rules */

/* The first mount strictly below `path`, in the arena; NULL with e->code 0: there is none. */
static const char *find_mount(struct arena *a, const char *mounts, const char *path, struct err *e)
{
        autofree char *point = NULL;

        if (host_find_mount_below(mounts, path, &point, e) < 0 || !point)
                return NULL;
        return arena_copy(a, point, e);
}

/* A symlink is shown as what it leads to, where that is in the home. */
static bool can_be_part(const char *path, const char *home, struct stat *ret)
{
        autofree char *real = realpath(path, NULL);

        return real && !str_eq(real, home) && path_is_in(real, home) && stat(real, ret) == 0 &&
               (S_ISDIR(ret->st_mode) || S_ISREG(ret->st_mode));
}

struct parts {
        struct arena *arena;
        const char *home;
        const char *mounts;
        struct plan_home_part *items;
        size_t n;
};

static int add_part(struct parts *p, const char *path, bool is_scratch, struct err *e)
{
        if (arena_grow(p->arena, &p->items, p->n, sizeof(*p->items), MAX_PARTS, "files in the home",
                       e) < 0)
                return -e->code;
        p->items[p->n++] = (struct plan_home_part){ path, is_scratch };
        return 0;
}

static int add_name(struct parts *p, int dir, const char *name, bool are_links, struct err *e)
{
        const char *path = path_join(p->arena, p->home, name, e);
        struct stat st;

        if (!path)
                return -e->code;
        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISLNK(st.st_mode) != are_links ||
            !can_be_part(path, p->home, &st))
                return 0;
        bool is_whole = !are_links && S_ISDIR(st.st_mode);
        if (is_whole && find_mount(p->arena, p->mounts, path, e))
                is_whole = false;
        return e->code ? -e->code : add_part(p, path, is_whole, e);
}

/* Symlinks first: of two rules for one place the later decides what may be done there. */
static int add_names(struct parts *p, bool are_links, struct err *e)
{
        autofd fd = open(p->home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
        autodir *dir = fd_take_dir(&copy);
        struct dirent *entry;

        if (!dir)
                return err_sys(e, "cannot list '%s'", p->home);
        while (errno = 0, (entry = readdir(dir))) {
                if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
                        continue;
                if (add_name(p, fd, entry->d_name, are_links, e) < 0)
                        return -e->code;
        }
        return errno ? err_sys(e, "cannot list '%s'", p->home) : 0;
}

int learn_find_home_parts(struct arena *a, const char *home, struct plan_home_part **ret,
                          size_t *ret_n, const char **ret_mount, struct err *e)
{
        autofree char *mounts = NULL;
        struct parts p = { .arena = a, .home = home };

        *ret_n = 0;
        if (!home || str_eq(home, "/"))
                return 0;
        if (io_read_file(AT_FDCWD, "/proc/self/mountinfo", MAX_TABLE, &mounts, NULL, e) < 0)
                return err_prefix(e, "cannot look for other file systems");
        p.mounts = mounts;
        *ret_mount = find_mount(a, mounts, home, e);
        if (!*ret_mount)
                return -e->code;
        if (add_names(&p, true, e) < 0 || add_names(&p, false, e) < 0)
                return -e->code;
        *ret = p.items;
        *ret_n = p.n;
        return 0;
}
