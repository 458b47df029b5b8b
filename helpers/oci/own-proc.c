#include "own-proc.h"

#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

int own_proc_open(const char *name, int flags)
{
        const struct open_how how = {
                .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK),
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS,
        };
        autofd proc = open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct statfs fs;
        char path[100];

        if (proc < 0 || fstatfs(proc, &fs) < 0)
                return -1;
        if (fs.f_type != PROC_SUPER_MAGIC) {
                errno = ENOENT;
                return -1;
        }
        snprintf(path, sizeof(path), "%d/%s", (int)getpid(), name);
        return (int)syscall(SYS_openat2, proc, path, &how, sizeof(how));
}
