#include "export.h"

#include "fd.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_stdout(struct export_file *ret, struct err *e)
{
        if (isatty(STDOUT_FILENO)) {
                err_set(e, EINVAL, "an archive is not for a terminal");
                return err_hint(e, "name a file: -o FILE");
        }
        ret->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
        return ret->fd < 0 ? err_sys(e, "cannot write to standard output") : 0;
}

static int open_directory(const char *path, size_t len, struct err *e)
{
        char parent[PATH_MAX];

        if (len >= sizeof(parent))
                return err_set(e, ENAMETOOLONG, "the path of the file is too long");
        snprintf(parent, sizeof(parent), "%.*s", (int)len, path);
        int fd = open(len ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? err_sys(e, "cannot open '%.200s'", len ? parent : ".") : fd;
}

static int choose_name(const char *base, char *ret, size_t size, struct err *e)
{
        uint64_t random;

        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
                return err_sys(e, "cannot get a random number");
        snprintf(ret, size, ".%.30s.%016llx", base, (unsigned long long)random);
        return 0;
}

/* A file without a name is gone by itself when we are; not every file system has that. */
static int open_new(const char *path, struct export_file *ret, struct err *e)
{
        ret->fd = openat(ret->dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
        if (ret->fd >= 0)
                return 0;
        if (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT)
                return err_sys(e, "cannot make '%.200s'", path);
        if (choose_name(ret->base, ret->temporary, sizeof(ret->temporary), e) < 0)
                return -e->code;
        ret->fd = openat(ret->dir, ret->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (ret->fd >= 0)
                return 0;
        ret->temporary[0] = '\0';
        return err_sys(e, "cannot make '%.200s'", path);
}

int export_file_open(const char *path, struct export_file *ret, struct err *e)
{
        const char *slash = strrchr(path, '/');
        struct stat st;

        if (str_eq(path, "-"))
                return open_stdout(ret, e);
        ret->base = slash ? slash + 1 : path;
        if (!*ret->base)
                return err_set(e, EISDIR, "'%.200s' is not the name of a file", path);
        /* a device, a fifo, what a symlink leads to: written to, not replaced */
        bool is_there = lstat(path, &st) == 0;
        if (is_there && !S_ISREG(st.st_mode)) {
                ret->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC, 0666);
                return ret->fd < 0 ? err_sys(e, "cannot open '%.200s'", path) : 0;
        }
        size_t len = slash ? (size_t)(slash - path) : 0;
        ret->dir = open_directory(path, slash == path ? 1 : len, e);
        if (ret->dir < 0 || open_new(path, ret, e) < 0)
                return -e->code;
        /* what was closed to others stays so, from the first byte on */
        if (is_there && fchmod(ret->fd, st.st_mode & 0777) < 0)
                return err_sys(e, "cannot set the mode of '%.200s'", path);
        return 0;
}

static int give_name(struct export_file *f, const char *name)
{
        char own[32];

        snprintf(own, sizeof(own), "/proc/self/fd/%d", f->fd);
        return linkat(AT_FDCWD, own, f->dir, name, AT_SYMLINK_FOLLOW);
}

int export_file_finish(struct export_file *f, struct err *e)
{
        if (f->dir < 0)
                return 0;
        if (fsync(f->fd) < 0)
                return err_sys(e, "cannot sync '%.200s'", f->base);
        if (!f->temporary[0]) {
                if (give_name(f, f->base) == 0)
                        return 0;
                if (errno != EEXIST)
                        return err_sys(e, "cannot name '%.200s'", f->base);
                if (choose_name(f->base, f->temporary, sizeof(f->temporary), e) < 0)
                        return -e->code;
                if (give_name(f, f->temporary) < 0) {
                        f->temporary[0] = '\0';
                        return err_sys(e, "cannot name '%.200s'", f->base);
                }
        }
        if (renameat(f->dir, f->temporary, f->dir, f->base) < 0)
                return err_sys(e, "cannot name '%.200s'", f->base);
        f->temporary[0] = '\0';
        return 0;
}

void export_file_done(struct export_file *f)
{
        if (f->temporary[0])
                unlinkat(f->dir, f->temporary, 0);
        fd_close(&f->fd);
        fd_close(&f->dir);
}
