#include "workdir.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* All of it; the root is the container's, and so is where its symlinks lead. */
static int make_all(const char *path, struct err *e)
{
        char at[PATH_MAX];
        size_t len = strlen(path);

        if (len >= sizeof(at))
                return err_set(e, ENAMETOOLONG, "the working directory's name is too long");
        memcpy(at, path, len + 1);
        for (size_t i = 1; i <= len; i++) {
                if (path[i] != '/' && path[i] != '\0')
                        continue;
                at[i] = '\0';
                if (mkdir(at, 0755) < 0 && errno != EEXIST)
                        return err_sys(e, "cannot make the working directory '%s'", path);
                at[i] = path[i];
        }
        return 0;
}

/* The system call itself: the library's function hides where it is by looking for it. */
static int check_inside(const char *path, struct err *e)
{
        char now[PATH_MAX] = "";

        if (syscall(SYS_getcwd, now, sizeof(now)) < 0)
                return err_sys(e, "cannot tell where the working directory '%s' is", path);
        if (now[0] != '/')
                return err_set(e, EPERM, "the working directory '%s' is outside of the root", path);
        return 0;
}

int workdir_enter(const char *path, bool may_make, struct err *e)
{
        int r = chdir(path);

        if (r < 0 && errno == ENOENT && may_make) {
                if (make_all(path, e) < 0)
                        return -e->code;
                r = chdir(path);
        }
        if (r < 0)
                return err_sys(e, "cannot enter the working directory '%s'", path);
        return check_inside(path, e);
}
