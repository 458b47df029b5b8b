#include "streams.h"

#include "fd.h"
#include "newmount.h"
#include "resolve.h"
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* A mount of the one file, which must be the one that the descriptor has. */
static int mount_file(const char *name, const struct stat *want, struct err *e)
{
        const unsigned flags = TREE_READ_ONLY | TREE_NO_SUID | TREE_NO_DEV;
        autofd mount = newmount_clone(AT_FDCWD, name, 0, e);
        struct stat st;

        if (mount < 0 || newmount_set(mount, "", flags, e) < 0)
                return -e->code;
        if (fstat(mount, &st) < 0)
                return err_sys(e, "cannot stat '%s'", name);
        if (st.st_dev != want->st_dev || st.st_ino != want->st_ino)
                return err_set(e, ESTALE, "'%s' was replaced meanwhile", name);
        return fd_take(&mount);
}

static int reopen(int fd, int mount, int flags, struct err *e)
{
        char link[32];

        snprintf(link, sizeof(link), "/proc/self/fd/%d", mount);
        autofd fresh = open(link, O_RDONLY | O_CLOEXEC | O_NOCTTY | (flags & O_NONBLOCK));
        off_t at = lseek(fd, 0, SEEK_CUR);
        if (fresh < 0)
                return err_sys(e, "cannot open it through a read-only mount");
        if (at < 0 || lseek(fresh, at, SEEK_SET) < 0)
                return err_sys(e, "cannot find its place again");
        if (dup2(fresh, fd) < 0)
                return err_sys(e, "cannot take its number over");
        return 0;
}

static bool needs_it(int fd, int flags, const struct stat *st)
{
        return (flags & O_ACCMODE) == O_RDONLY && S_ISREG(st->st_mode) && st->st_nlink > 0 &&
               !resolve_is_kernels(fd);
}

static int confine_one(int fd, struct err *e)
{
        char name[PATH_MAX];
        int flags = fcntl(fd, F_GETFL);
        struct stat st;

        if (flags < 0 || fstat(fd, &st) < 0)
                return err_sys(e, "cannot judge descriptor %d", fd);
        if (!needs_it(fd, flags, &st))
                return 0;
        if (!resolve_name_of(fd, name, sizeof(name))) {
                err_set(e, ENOENT, "descriptor %d is a file whose name cannot be found", fd);
                return err_hint(e, "hand it over as a pipe: cat FILE | kelp ...");
        }
        autofd mount = mount_file(name, &st, e);
        if (mount < 0 || reopen(fd, mount, flags, e) < 0) {
                err_prefix(e, "descriptor %d, '%s'", fd, name);
                return err_hint(e, "hand it over as a pipe: cat FILE | kelp ...");
        }
        return 0;
}

bool streams_need_it(const struct plan *p)
{
        for (size_t i = 0; i < 3 + p->report.n_keep_fds; i++) {
                int fd = i < 3 ? (int)i : p->report.keep_fds[i - 3];
                int flags = fcntl(fd, F_GETFL);
                struct stat st;

                if (flags < 0 || fstat(fd, &st) < 0 || needs_it(fd, flags, &st))
                        return true;
        }
        return false;
}

int streams_confine(const struct plan *p, struct err *e)
{
        for (int fd = 0; fd <= 2; fd++) {
                if (confine_one(fd, e) < 0)
                        return -e->code;
        }
        for (size_t i = 0; i < p->report.n_keep_fds; i++) {
                if (confine_one(p->report.keep_fds[i], e) < 0)
                        return -e->code;
        }
        return 0;
}
