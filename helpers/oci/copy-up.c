#include "copy-up.h"

#include "fd.h"
#include "io.h"
#include "str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Each level holds a descriptor on either side; no image has more, but for one that means harm. */
#define MAX_DEPTH 128

struct copy {
        const char *box_path; /* for messages */
        bool keeps_top;       /* the directory itself has its attributes already */
        char *buffer;
        unsigned depth;
};

#define BUFFER_SIZE ((size_t)256 << 10)
#define MAX_LIST    ((size_t)64 << 10)
#define MAX_VALUE   ((size_t)64 << 10)

static int failed(const struct copy *c, const char *name, struct err *e)
{
        return err_sys(e, "cannot copy '%s' of '%s'", name, c->box_path);
}

/* A tmpfs takes few of them; what it does not take, or what is not ours to give, is left behind. */
static int copy_attributes(const struct copy *c, const char *name, int from, int to, struct err *e)
{
        char *value = c->buffer + MAX_LIST;
        ssize_t n = flistxattr(from, c->buffer, MAX_LIST);

        if (n < 0 && errno != ENOTSUP)
                return failed(c, name, e);
        for (char *at = c->buffer; n > 0 && at < c->buffer + n; at += strlen(at) + 1) {
                ssize_t len = fgetxattr(from, at, value, MAX_VALUE);

                if (len < 0 || fsetxattr(to, at, value, (size_t)len, 0) < 0) {
                        if (errno != ENOTSUP && errno != EPERM && errno != ENODATA &&
                            errno != EINVAL)
                                return failed(c, name, e);
                }
        }
        return 0;
}

/* The owner before the mode: a new owner takes set-id bits off. */
static int copy_stat(const struct copy *c, const char *name, int to, const struct stat *st,
                     struct err *e)
{
        const struct timespec times[2] = { st->st_atim, st->st_mtim };

        /* an owner that has no id in here cannot be one of a new file either: EINVAL */
        if (fchown(to, st->st_uid, st->st_gid) < 0 && errno != EINVAL)
                return failed(c, name, e);
        if (fchmod(to, st->st_mode & 07777) < 0 || futimens(to, times) < 0)
                return failed(c, name, e);
        return 0;
}

static int copy_data(const struct copy *c, const char *name, int from, int to, struct err *e)
{
        for (;;) {
                ssize_t n = io_read(from, c->buffer, BUFFER_SIZE);

                if (n < 0)
                        return failed(c, name, e);
                if (n == 0)
                        return 0;
                if (io_write_all(to, c->buffer, (size_t)n, name, e) < 0)
                        return -e->code;
        }
}

static int copy_file(const struct copy *c, int from_dir, int to_dir, const char *name,
                     const struct stat *st, struct err *e)
{
        autofd from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        struct stat now;

        if (from < 0 || fstat(from, &now) < 0)
                return failed(c, name, e);
        if (!S_ISREG(now.st_mode) || now.st_ino != st->st_ino)
                return err_set(e, ESTALE, "'%s' of '%s' was replaced", name, c->box_path);
        autofd to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (to < 0)
                return failed(c, name, e);
        if (copy_data(c, name, from, to, e) < 0 || copy_attributes(c, name, from, to, e) < 0)
                return -e->code;
        return copy_stat(c, name, to, &now, e);
}

/* Symlinks, fifos, devices: all that they are is in the name and the numbers. */
static int copy_node(const struct copy *c, int from_dir, int to_dir, const char *name,
                     const struct stat *st, struct err *e)
{
        const struct timespec times[2] = { st->st_atim, st->st_mtim };
        char target[PATH_MAX];

        if (S_ISLNK(st->st_mode)) {
                ssize_t n = readlinkat(from_dir, name, target, sizeof(target) - 1);

                if (n < 0)
                        return failed(c, name, e);
                target[n] = '\0';
                if (symlinkat(target, to_dir, name) < 0)
                        return failed(c, name, e);
        } else if (mknodat(to_dir, name, st->st_mode & (S_IFMT | 07777), st->st_rdev) < 0) {
                return failed(c, name, e);
        }
        if (fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 &&
            errno != EINVAL)
                return failed(c, name, e);
        if (utimensat(to_dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
                return failed(c, name, e);
        return 0;
}

static int copy_dir(struct copy *c, const char *name, int from, int to, struct err *e);

static int copy_sub_dir(struct copy *c, int from_dir, int to_dir, const char *name, struct err *e)
{
        const int how = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
        autofd from = openat(from_dir, name, how);

        if (from < 0 || mkdirat(to_dir, name, 0700) < 0)
                return failed(c, name, e);
        autofd to = openat(to_dir, name, how);
        if (to < 0)
                return failed(c, name, e);
        if (c->depth >= MAX_DEPTH)
                return err_set(e, ELOOP, "'%s' has more than %d levels of directories", c->box_path,
                               MAX_DEPTH);
        c->depth++;
        int r = copy_dir(c, name, from, to, e);
        c->depth--;
        return r;
}

static int copy_entry(struct copy *c, int from, int to, const char *name, struct err *e)
{
        struct stat st;

        if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return failed(c, name, e);
        if (S_ISDIR(st.st_mode))
                return copy_sub_dir(c, from, to, name, e);
        if (S_ISREG(st.st_mode))
                return copy_file(c, from, to, name, &st, e);
        /* whoever listened on a socket is not in the copy */
        return S_ISSOCK(st.st_mode) ? 0 : copy_node(c, from, to, name, &st, e);
}

/* The attributes of the directory itself come last: its times are those of what was made in it. */
static int copy_dir(struct copy *c, const char *name, int from, int to, struct err *e)
{
        int fd = fcntl(from, F_DUPFD_CLOEXEC, 3);
        autodir *dir = fd_take_dir(&fd);
        struct dirent *entry;
        struct stat st;

        if (!dir)
                return failed(c, name, e);
        while ((errno = 0, entry = readdir(dir))) {
                if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
                        continue;
                if (copy_entry(c, from, to, entry->d_name, e) < 0)
                        return -e->code;
        }
        if (errno != 0 || fstat(from, &st) < 0)
                return failed(c, name, e);
        if (c->depth == 0 && c->keeps_top)
                return 0;
        if (copy_attributes(c, name, from, to, e) < 0)
                return -e->code;
        return copy_stat(c, name, to, &st, e);
}

int copy_up(int from, int to, const char *box_path, bool keeps_top, struct err *e)
{
        autofd source = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        autofree char *buffer = NULL;

        if (source < 0)
                return errno == ENOTDIR ? 0 : err_sys(e, "cannot read '%s'", box_path);
        /* what is mounted is no more than a place: it cannot be read or changed by itself */
        autofd target = openat(to, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (target < 0)
                return err_sys(e, "cannot open a new tmpfs");
        buffer = mem_alloc(BUFFER_SIZE, e);
        if (!buffer)
                return -e->code;
        struct copy c = { .box_path = box_path, .keeps_top = keeps_top, .buffer = buffer };
        return copy_dir(&c, ".", source, target, e);
}
