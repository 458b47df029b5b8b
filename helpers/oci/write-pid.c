#include "write-pid.h"

#include "fd.h"
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

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
