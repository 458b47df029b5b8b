#include "write-pid.h"

#include "fd.h"
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * Engines read the file as soon as it is there: it gets its name when it has its content.  A file without
 * a name leaves nothing to whoever is killed before; but it cannot take the name of another one, and not
 * all file systems have such files (EOPNOTSUPP): both is for write_new().  Source: open(2), O_TMPFILE.
 */
static int write_nameless(const char *path, const char *text, size_t len, struct err *e)
{
        char dir[PATH_MAX];
        char self[64];
        const char *slash = strrchr(path, '/');
        int n = slash ? (int)(slash - path) + 1 : 1;

        if ((size_t)snprintf(dir, sizeof(dir), "%.*s", n, slash ? path : ".") >= sizeof(dir))
                return err_set(e, ENAMETOOLONG, "the name is too long");
        autofd fd = open(dir, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0644);
        if (fd < 0)
                return err_sys(e, "cannot make a file in '%s'", dir);
        if (io_write_all(fd, text, len, path, e) < 0)
                return -e->code;
        snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
        if (linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) < 0)
                return err_sys(e, "cannot make '%s'", path);
        return 0;
}

static int write_new(const char *path, const char *text, size_t len, struct err *e)
{
        autofd fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);

        if (fd < 0)
                return err_sys(e, "cannot make '%s'", path);
        if (io_write_all(fd, text, len, path, e) == 0)
                return 0;
        unlink(path);
        return -e->code;
}

int write_pid(const char *path, pid_t pid, struct err *e)
{
        char text[16];
        char fresh[PATH_MAX];
        int len = snprintf(text, sizeof(text), "%d", (int)pid);
        int n = snprintf(fresh, sizeof(fresh), "%s.%d", path, (int)getpid());

        struct err unused = { 0 };

        if (write_nameless(path, text, (size_t)len, &unused) == 0)
                return 0;
        if (n < 0 || (size_t)n >= sizeof(fresh))
                return err_set(e, ENAMETOOLONG, "the name of the pid file is too long");
        if (write_new(fresh, text, (size_t)len, e) < 0)
                return err_prefix(e, "cannot write the pid file");
        if (rename(fresh, path) == 0)
                return 0;
        err_sys(e, "cannot write the pid file '%s'", path);
        unlink(fresh);
        return -e->code;
}
