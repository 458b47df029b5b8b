#include "flatten-inner.h"

#include "beneath.h"
#include "fd.h"
#include "io.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

int flatten_failed(const struct flattening *f, const char *what, struct err *e)
{
        int code = errno;

        err_sys(e, "cannot %s '%.200s'", what, f->path);
        if (code == ENOSPC || code == EDQUOT)
                return err_hint(e, "the file system of the image store is full");
        if (code == EXDEV)
                return err_hint(e, "something is mounted there: an archive of the root will do");
        return -e->code;
}

int flatten_set_attrs(const struct flattening *f, int to, const struct attrs *attrs, struct err *e)
{
        for (size_t i = 0; i < attrs->n; i++) {
                const struct attr *a = &attrs->items[i];

                if (str_has_prefix(a->name, "user.") &&
                    fsetxattr(to, a->name, a->value, a->size, 0) < 0)
                        return flatten_failed(f, "set an extended attribute of", e);
        }
        return 0;
}

/* ------ content ------ */

static int copy_bytes(struct flattening *f, int from, int to, off_t at, off_t end, struct err *e)
{
        while (at < end) {
                size_t want = end - at < (off_t)FLATTEN_CHUNK ? (size_t)(end - at) : FLATTEN_CHUNK;
                ssize_t n = io_read_at(from, f->buffer, want, (uint64_t)at);

                if (n < 0)
                        return flatten_failed(f, "read", e);
                if (n == 0)
                        return 0;
                if (io_write_at(to, f->buffer, (size_t)n, (uint64_t)at) < 0)
                        return flatten_failed(f, "write", e);
                at += n;
        }
        return 0;
}

/* What is a hole stays one. */
static int copy_data(struct flattening *f, int from, int to, off_t size, struct err *e)
{
        for (off_t at = 0; at < size;) {
                off_t data = lseek(from, at, SEEK_DATA);
                off_t hole;

                if (data < 0 && errno == ENXIO)
                        break;
                hole = data < 0 ? -1 : lseek(from, data, SEEK_HOLE);
                if (hole < 0)
                        return flatten_failed(f, "read", e);
                if (copy_bytes(f, from, to, data, hole, e) < 0)
                        return -e->code;
                at = hole;
        }
        return ftruncate(to, size) < 0 ? flatten_failed(f, "write", e) : 0;
}

static int copy_content(struct flattening *f, int from, int to, off_t size, struct err *e)
{
        if (size == 0)
                return 0;
        if (!f->has_no_clones && ioctl(to, FICLONE, from) == 0)
                return 0;
        /* the rest is about this file, and shows when it is written if it is about more */
        if (errno == EOPNOTSUPP || errno == ENOTTY || errno == EXDEV)
                f->has_no_clones = true;
        return copy_data(f, from, to, size, e);
}

/* ------ files of several names ------ */

/*
 * A file with several names in its layer keeps them.  The way to the first one is of this layer, so
 * there is no symlink on it.
 */
static int make_link(struct flattening *f, int to, const char *name, const struct stat *st,
                     bool *ret_is_made, struct err *e)
{
        const char *first;

        if (links_find(&f->links, st->st_ino, f->path, &first, e) < 0)
                return -e->code;
        *ret_is_made = first != NULL;
        if (*ret_is_made && linkat(f->root, first, to, name, 0) < 0)
                return flatten_failed(f, "link", e);
        return 0;
}

/* ------ each kind ------ */

static int make_regular(struct flattening *f, int from_dir, int to_dir, const char *name,
                        const struct stat *st, struct err *e)
{
        const struct timespec times[2] = { st->st_atim, st->st_mtim };
        autoattrs attrs = { 0 };
        autofd from = beneath_open(from_dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY);

        if (from < 0)
                return flatten_failed(f, "read", e);
        if (attrs_read(from, f->path, &attrs, e) < 0)
                return -e->code;
        autofd to =
                openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (to < 0)
                return flatten_failed(f, "make", e);
        if (copy_content(f, from, to, st->st_size, e) < 0 ||
            flatten_set_attrs(f, to, &attrs, e) < 0)
                return -e->code;
        /* writing takes set-id bits away, and some modes keep even their owner from writing */
        if (fchmod(to, st->st_mode & 07777) < 0)
                return flatten_failed(f, "set the mode of", e);
        return futimens(to, times) < 0 ? flatten_failed(f, "set the time of", e) : 0;
}

static int copy_regular(struct flattening *f, int from, int to, const char *name,
                        const struct stat *st, struct err *e)
{
        bool is_made = false;

        if (st->st_nlink > 1 && make_link(f, to, name, st, &is_made, e) < 0)
                return -e->code;
        return is_made ? 0 : make_regular(f, from, to, name, st, e);
}

static int set_times(const struct flattening *f, int to, const char *name, const struct stat *st,
                     struct err *e)
{
        const struct timespec times[2] = { st->st_atim, st->st_mtim };

        if (utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) < 0)
                return flatten_failed(f, "set the time of", e);
        return 0;
}

static int copy_symlink(struct flattening *f, int from, int to, const char *name,
                        const struct stat *st, struct err *e)
{
        char target[LIMIT_PATH + 2];
        ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);

        if (n < 0)
                return flatten_failed(f, "read", e);
        target[n] = '\0';
        if (symlinkat(target, to, name) < 0)
                return flatten_failed(f, "make", e);
        return set_times(f, to, name, st, e);
}

int flatten_file(struct flattening *f, int from, int to, const char *name, const struct stat *st,
                 struct err *e)
{
        if (S_ISREG(st->st_mode))
                return copy_regular(f, from, to, name, st, e);
        if (S_ISLNK(st->st_mode))
                return copy_symlink(f, from, to, name, st, e);
        /* an overlay shows devices and sockets, too, but they lead nowhere: nodev, and nobody listens */
        if (!S_ISFIFO(st->st_mode))
                return 0;
        if (mknodat(to, name, S_IFIFO | (st->st_mode & 0777), 0) < 0)
                return flatten_failed(f, "make", e);
        return set_times(f, to, name, st, e);
}
