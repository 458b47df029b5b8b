#include "review-change.h"

#include "attrs.h"
#include "fd.h"
#include "io.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* How an object of the upper layer differs from the user's own under the same name. */

#define PIECE ((size_t)64 * 1024)

int review_open_beneath(int root, const char *path, int flags)
{
        struct open_how how = {
                .flags = (uint64_t)(unsigned)(flags | O_NOFOLLOW | O_CLOEXEC),
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
                           RESOLVE_NO_XDEV,
        };
        long fd;

        do {
                /* EAGAIN: something on the way was moved meanwhile */
                fd = syscall(SYS_openat2, root, path[0] ? path : ".", &how, sizeof(how));
        } while (fd < 0 && (errno == EAGAIN || errno == EINTR));
        return fd < 0 ? -errno : (int)fd;
}

int review_open_parent(int root, const char *path, const char **ret_name)
{
        const char *slash = strrchr(path, '/');
        char parent[PATH_MAX];

        *ret_name = slash ? slash + 1 : path;
        if (!slash)
                return review_open_beneath(root, "", O_RDONLY | O_DIRECTORY);
        size_t len = (size_t)(slash - path);
        if (len >= sizeof(parent))
                return -ENAMETOOLONG;
        memcpy(parent, path, len);
        parent[len] = '\0';
        return review_open_beneath(root, parent, O_RDONLY | O_DIRECTORY);
}

static int64_t to_ns(const struct timespec *t)
{
        return t->tv_sec * INT64_C(1000000000) + t->tv_nsec;
}

struct review_ident review_ident_of(const struct stat *st)
{
        return (struct review_ident){
                .exists = true,
                .mode = st->st_mode,
                .dev = st->st_dev,
                .ino = st->st_ino,
                .nlink = st->st_nlink,
                .gid = st->st_gid,
                .size = st->st_size,
                .mtime_ns = to_ns(&st->st_mtim),
                .ctime_ns = to_ns(&st->st_ctim),
        };
}

/* Where there is data at or behind `at`; `size`: nowhere. */
static int64_t find_data(int fd, int64_t at, int64_t size)
{
        off_t data = lseek(fd, at, SEEK_DATA);

        if (data < 0)
                return errno == ENXIO ? size : at;
        return data < size ? data : size;
}

/* A hole in both is not read: a file of a terabyte may be made of nothing else. */
static int64_t skip_holes(int a, int b, int64_t at, int64_t size)
{
        int64_t x = find_data(a, at, size);
        int64_t y = x > at ? find_data(b, at, size) : at;

        return x < y ? x : y;
}

static int compare_content(int a, int b, int64_t size, bool *ret_same, struct err *e)
{
        autofree char *x = mem_alloc(2 * PIECE, e);
        char *y = x + PIECE;

        if (!x)
                return -e->code;
        *ret_same = false;
        for (int64_t at = skip_holes(a, b, 0, size); at < size; at = skip_holes(a, b, at, size)) {
                ssize_t n = io_read_at(a, x, PIECE, (uint64_t)at);
                ssize_t m = io_read_at(b, y, PIECE, (uint64_t)at);

                if (n < 0 || m < 0)
                        return err_sys(e, "cannot read a file");
                if (n != m || n == 0 || memcmp(x, y, (size_t)n) != 0)
                        return 0;
                at += n;
        }
        *ret_same = true;
        return 0;
}

static enum review_kind compare_rest(const struct review_change *change, bool has_same_attrs)
{
        if (!has_same_attrs || (change->upper.mode & 07777) != (change->lower.mode & 07777))
                return REVIEW_MODE;
        return change->upper.mtime_ns != change->lower.mtime_ns ? REVIEW_TIMES : REVIEW_SAME;
}

static bool looks_same(const struct review_change *change)
{
        return change->upper.mode == change->lower.mode &&
               change->upper.mtime_ns == change->lower.mtime_ns;
}

static int compare_files(const struct review_changes *c, int upper_dir, int lower_dir,
                         const char *name, struct review_change *change, struct err *e)
{
        autoreader a = { .fd = -1 };
        bool is_same;

        change->kind = REVIEW_CHANGED;
        if (change->upper.size != change->lower.size)
                return 0;
        autofd b = openat(lower_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (b < 0 && errno == EACCES) {
                if (c->is_begun && looks_same(change))
                        change->kind = REVIEW_SAME;
                return 0;
        }
        if (b < 0)
                return err_sys(e, "cannot open '%s'", name);
        if (review_read_upper(c->review, upper_dir, name, &a, e) < 0 ||
            compare_content(a.fd, b, change->upper.size, &is_same, e) < 0)
                return -e->code;
        if (!is_same)
                return 0;
        if (attrs_compare(a.fd, b, &is_same, e) < 0)
                return -e->code;
        change->kind = compare_rest(change, is_same);
        return 0;
}

static int compare_directories(int upper_dir, int lower_dir, const char *name,
                               struct review_change *change, struct err *e)
{
        const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
        autofd b = openat(lower_dir, name, flags);
        autofd a = -1;
        bool is_same;

        if (b < 0 && errno == EACCES) {
                change->refused = "a directory that you may not read";
                change->kind = REVIEW_CHANGED;
                return 0;
        }
        if (b >= 0)
                a = openat(upper_dir, name, flags);
        if (a < 0)
                return err_sys(e, "cannot open '%s'", name);
        if (attrs_compare(a, b, &is_same, e) < 0)
                return -e->code;
        change->kind = compare_rest(change, is_same);
        return 0;
}

static int compare_links(int upper_dir, int lower_dir, const char *name,
                         struct review_change *change, struct err *e)
{
        char a[PATH_MAX];
        char b[PATH_MAX];
        ssize_t n = readlinkat(upper_dir, name, a, sizeof(a));
        ssize_t m = readlinkat(lower_dir, name, b, sizeof(b));

        if (n < 0 || m < 0)
                return err_sys(e, "cannot read the symlink '%s'", name);
        if (n != m || memcmp(a, b, (size_t)n) != 0)
                change->kind = REVIEW_CHANGED;
        else
                change->kind = change->upper.mtime_ns != change->lower.mtime_ns ? REVIEW_TIMES
                                                                                : REVIEW_SAME;
        return 0;
}

int review_compare(const struct review_changes *c, int upper_dir, int lower_dir, const char *name,
                   struct review_change *change, struct err *e)
{
        if (!change->upper.exists) {
                change->kind = change->lower.exists ? REVIEW_DELETED : REVIEW_SAME;
                return 0;
        }
        if (!change->lower.exists) {
                change->kind = REVIEW_ADDED;
                return 0;
        }
        if ((change->upper.mode & S_IFMT) != (change->lower.mode & S_IFMT)) {
                change->kind = REVIEW_TYPE;
                return 0;
        }
        switch (change->upper.mode & S_IFMT) {
        case S_IFREG:
                return compare_files(c, upper_dir, lower_dir, name, change, e);
        case S_IFDIR:
                return compare_directories(upper_dir, lower_dir, name, change, e);
        case S_IFLNK:
                return compare_links(upper_dir, lower_dir, name, change, e);
        default:
                change->kind = REVIEW_CHANGED;
                return 0;
        }
}
