#include "resolve.h"

#include "fd.h"
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

bool resolve_is_kernels(int fd)
{
        struct statfs fs;

        return fstatfs(fd, &fs) == 0 && (fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC);
}

bool resolve_name_of(int fd, char *buffer, size_t size)
{
        char link[32];

        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        ssize_t n = readlink(link, buffer, size - 1);
        if (n <= 0)
                return false;
        buffer[n] = '\0';
        return path_is_clean(buffer);
}

/* A name without symlinks is the real name: the kernel is asked only for others. */
static int open_plain(const char *path)
{
        struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS };

        errno = ELOOP;
        return path_is_clean(path) ? (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how))
                                   : -1;
}

static bool has_link(const char *path)
{
        autofd fd = open_plain(path);

        return fd < 0 && errno != ENOENT && errno != ENOTDIR && errno != EACCES;
}

static const struct plan_seen_dir *find_seen(const struct plan_seen_dirs *seen, const char *path,
                                             size_t len)
{
        for (size_t i = 0; i < seen->n; i++) {
                const struct plan_seen_dir *dir = &seen->items[i];

                if (dir->len == len && memcmp(dir->path, path, len) == 0)
                        return dir;
        }
        return NULL;
}

/* One that there is no room for is looked at again. */
static void remember(struct plan_seen_dirs *seen, const char *path, size_t len, bool is_absent)
{
        if (seen->n < PLAN_MAX_SEEN_DIRS)
                seen->items[seen->n++] = (struct plan_seen_dir){ path, len, is_absent };
}

/*
 * Dozens of names share a few directories, many of which are absent, so each is looked at once, and
 * by readlink(2), which opens nothing.  Only its two plain answers count: whatever else it says, the
 * kernel judges the whole path.
 */
bool resolve_has_link(struct plan_seen_dirs *seen, const char *path)
{
        char name[PATH_MAX];
        char target[1];
        size_t size = strlen(path) + 1;

        if (!path_is_clean(path) || size > sizeof(name))
                return true;
        memcpy(name, path, size);
        for (size_t len = 0; path[len] != '\0';) {
                len += 1 + strcspn(path + len + 1, "/");
                const struct plan_seen_dir *dir = find_seen(seen, path, len);
                bool is_absent = dir && dir->is_absent;

                if (!dir) {
                        name[len] = '\0';
                        int answer = readlink(name, target, sizeof(target)) < 0 ? errno : 0;
                        name[len] = path[len];
                        if (answer != EINVAL && answer != ENOENT)
                                return has_link(path);
                        is_absent = answer == ENOENT;
                        if (path[len] != '\0')
                                remember(seen, path, len, is_absent);
                }
                if (is_absent)
                        return false;
        }
        return false;
}

static int open_followed(struct arena *a, const char *host_path, const char **ret_path,
                         struct err *e)
{
        autofd fd = open(host_path, O_PATH | O_CLOEXEC);
        char name[PATH_MAX];

        if (fd < 0)
                return err_sys(e, "cannot open '%s'", host_path);
        if (!resolve_name_of(fd, name, sizeof(name)))
                return err_set(e, ESTALE, "cannot tell the real name of '%s'", host_path);
        *ret_path = arena_copy(a, name, e);
        return *ret_path ? fd_take(&fd) : -e->code;
}

int resolve_source(struct arena *a, const char *host_path, struct source *ret, struct err *e)
{
        const char *path = host_path;
        autofd fd = open_plain(host_path);
        struct stat st;

        /* what is absent, or out of reach, is so before there is a symlink to follow */
        if (fd < 0 && (errno == ENOENT || errno == EACCES || errno == ENOTDIR))
                return err_sys(e, "cannot open '%s'", host_path);
        if (fd < 0)
                fd = open_followed(a, host_path, &path, e);
        if (fd < 0)
                return -e->code;
        if (fstat(fd, &st) < 0)
                return err_sys(e, "cannot stat '%s'", host_path);
        ret->path = path;
        ret->st = st;
        ret->fd = fd_take(&fd);
        return 0;
}

int resolve_in_root(int dirfd, const char *path, int flags, unsigned long resolve)
{
        struct open_how how = {
                .flags = (unsigned)(flags | O_CLOEXEC),
                .mode = 0,
                .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve,
        };

        while (*path == '/')
                path++;
        for (;;) {
                int fd = (int)syscall(SYS_openat2, dirfd, *path ? path : ".", &how, sizeof(how));

                /* a rename elsewhere can make the walk uncertain: openat2(2) says to try again */
                if (fd < 0 && (errno == EAGAIN || errno == EINTR))
                        continue;
                return fd < 0 ? -errno : fd;
        }
}
