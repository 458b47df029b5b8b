#include "made.h"

#include "fd.h"
#include "io.h"
#include "resolve.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The same object in the upper layer itself, where its inode is the one that stays. */
static int stat_in_upper(int kept, const char *path, struct stat *ret, struct err *e)
{
        struct open_how how = {
                .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
        };
        char name[PATH_MAX + 8];

        snprintf(name, sizeof(name), "upper%s", path);
        autofd fd = (int)syscall(SYS_openat2, kept, name, &how, sizeof(how));
        if (fd < 0 || fstat(fd, ret) < 0)
                return err_sys(e, "cannot find '%s' in the upper layer", path);
        return 0;
}

int made_note(int kept, int parent, const char *name, bool is_directory, struct err *e)
{
        char directory[PATH_MAX];
        char path[PATH_MAX];
        char line[PATH_MAX + 100];
        struct stat st;

        if (kept < 0)
                return 0;
        if (!resolve_name_of(parent, directory, sizeof(directory)))
                return err_set(e, ESTALE, "cannot tell where '%s' was made", name);
        int len = snprintf(path, sizeof(path), "%s/%s", str_eq(directory, "/") ? "" : directory,
                           name);
        if (len >= (int)sizeof(path))
                return err_set(e, ENAMETOOLONG, "the name of '%s' is too long", name);
        if (stat_in_upper(kept, path, &st, e) < 0)
                return -e->code;
        if (is_directory)
                len = snprintf(line, sizeof(line), "d %ju %s", (uintmax_t)st.st_ino, path);
        else
                len = snprintf(line, sizeof(line), "f %ju %jd.%09ld %s", (uintmax_t)st.st_ino,
                               (intmax_t)st.st_ctim.tv_sec, st.st_ctim.tv_nsec, path);
        autofd fd =
                openat(kept, "made", O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return err_sys(e, "cannot note what was made in the image");
        return io_write_all(fd, line, (size_t)len + 1, "the list of what was made", e);
}
