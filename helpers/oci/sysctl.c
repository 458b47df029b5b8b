#include "sysctl.h"

#include "fd.h"
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

static int open_below(int dir, const char *name, int flags)
{
        struct open_how how = {
                .flags = (unsigned)(flags | O_CLOEXEC),
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
                           RESOLVE_NO_XDEV,
        };

        return (int)syscall(SYS_openat2, dir, name, &how, sizeof(how));
}

int sysctl_prepare(const struct bundle *b, struct rootfs *r, struct err *e)
{
        struct statfs fs;

        if (b->n_sysctls == 0 || r->proc_sys >= 0)
                return 0;
        autofd proc = open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (proc < 0 || fstatfs(proc, &fs) < 0)
                return err_sys(e, "cannot open '/proc'");
        if (fs.f_type != PROC_SUPER_MAGIC)
                return err_set(e, EINVAL, "'/proc' is no procfs");
        r->proc_sys = open_below(proc, "sys", O_PATH | O_DIRECTORY);
        return r->proc_sys < 0 ? err_sys(e, "cannot open '/proc/sys'") : 0;
}

int sysctl_write(const struct bundle *b, const struct rootfs *r, struct err *e)
{
        for (size_t i = 0; i < b->n_sysctls; i++) {
                const struct bundle_line *line = &b->sysctls[i];
                autofd fd = open_below(r->proc_sys, line->file, O_WRONLY);

                if (fd < 0)
                        return err_sys(e, "%s: cannot open '/proc/sys/%s'", line->where,
                                       line->file);
                if (io_write_all(fd, line->value, strlen(line->value), line->file, e) < 0)
                        return err_prefix(e, "%s", line->where);
        }
        return 0;
}
