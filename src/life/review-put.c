#include "review-put.h"

#include "attrs.h"
#include "erase.h"
#include "fd.h"
#include "io.h"
#include "mem.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE ((size_t)256 * 1024)

static struct timespec from_ns(int64_t ns)
{
        struct timespec t = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };

        if (t.tv_nsec < 0) {
                t.tv_sec--;
                t.tv_nsec += 1000000000;
        }
        return t;
}

/* Until the next hole; copy_file_range(2) lets a file system share what it can share. */
static int copy_piece(int from, int to, off_t at, off_t end, struct err *e)
{
        autofree char *buffer = NULL;

        while (at < end) {
                off_t in = at;
                off_t out = at;
                ssize_t n =
                        buffer ? -1 : copy_file_range(from, &in, to, &out, (size_t)(end - at), 0);

                if (n > 0) {
                        at += n;
                        continue;
                }
                if (n < 0 && !buffer && errno != EXDEV && errno != EINVAL && errno != ENOSYS &&
                    errno != EOPNOTSUPP && errno != EPERM)
                        return err_sys(e, "cannot copy a file");
                if (!buffer)
                        buffer = mem_alloc(PIECE, e);
                if (!buffer)
                        return -e->code;
                size_t want = end - at < (off_t)PIECE ? (size_t)(end - at) : PIECE;
                n = io_read_at(from, buffer, want, (uint64_t)at);
                if (n <= 0)
                        return n < 0 ? err_sys(e, "cannot read a file")
                                     : err_set(e, EIO, "a file is shorter than it was");
                if (io_write_at(to, buffer, (size_t)n, (uint64_t)at) != n)
                        return err_sys(e, "cannot write a file");
                at += n;
        }
        return 0;
}

/* A payload can make a file with holes larger than any disk: they stay holes. */
static int copy_content(int from, int to, int64_t size, struct err *e)
{
        off_t at = 0;

        if (ftruncate(to, size) < 0)
                return err_sys(e, "cannot set the size of a file");
        while (at < size) {
                off_t data = lseek(from, at, SEEK_DATA);

                if (data < 0 && errno == ENXIO)
                        return 0;
                off_t hole = data < 0 ? size : lseek(from, data, SEEK_HOLE);
                if (data < 0)
                        data = at;
                if (hole < 0)
                        hole = size;
                if (copy_piece(from, to, data, hole, e) < 0)
                        return -e->code;
                at = hole;
        }
        return 0;
}

/* Attributes before the mode: a file that cannot be written to takes none. */
static int dress(int from, int to, const struct review_change *change, struct err *e)
{
        const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
                                           from_ns(change->upper.mtime_ns) };
        struct stat st;
        bool is_same;

        if (attrs_compare(from, to, &is_same, e) < 0 || fstat(to, &st) < 0)
                return e->code ? -e->code : err_sys(e, "cannot stat a file");
        if (!is_same) {
                if ((st.st_mode & 0600) != 0600 && fchmod(to, (st.st_mode & 07777) | 0600) < 0)
                        return err_sys(e, "cannot set its mode");
                if (attrs_copy(from, to, e) < 0)
                        return -e->code;
        }
        if (fstat(to, &st) < 0)
                return err_sys(e, "cannot stat it");
        if ((st.st_mode & 07777) != (change->upper.mode & 07777) &&
            fchmod(to, change->upper.mode & 07777) < 0)
                return err_sys(e, "cannot set its mode");
        return futimens(to, times) < 0 ? err_sys(e, "cannot set its times") : 0;
}

static int make_file(const struct review_put *p, struct err *e)
{
        const struct review_change *change = p->change;
        autoreader from = { .fd = -1 };

        if (review_read_upper(p->review, p->upper, p->name, &from, e) < 0)
                return -e->code;
        autofd to = openat(p->parent, p->temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                           0600);
        if (to < 0)
                return err_sys(e, "cannot make a file beside it");
        if (copy_content(from.fd, to, change->upper.size, e) < 0 ||
            dress(from.fd, to, change, e) < 0)
                return -e->code;
        /* what replaces something is on the disk before that goes */
        if (change->lower.exists && fsync(to) < 0)
                return err_sys(e, "cannot write it to the disk");
        return 0;
}

static int make_link(const struct review_put *p, struct err *e)
{
        const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
                                           from_ns(p->change->upper.mtime_ns) };
        char target[PATH_MAX];
        ssize_t n = readlinkat(p->upper, p->name, target, sizeof(target) - 1);

        if (n < 0)
                return err_sys(e, "cannot read the symlink");
        target[n] = '\0';
        if (symlinkat(target, p->parent, p->temp) < 0 ||
            utimensat(p->parent, p->temp, times, AT_SYMLINK_NOFOLLOW) < 0)
                return err_sys(e, "cannot make a symlink beside it");
        return 0;
}

static int make_temp(const struct review_put *p, struct err *e)
{
        if (p->leader_parent >= 0) {
                if (linkat(p->leader_parent, p->leader_name, p->parent, p->temp, 0) < 0)
                        return err_sys(e, "cannot give the file its other name");
                return 0;
        }
        if (S_ISLNK(p->change->upper.mode))
                return make_link(p, e);
        if (!S_ISDIR(p->change->upper.mode))
                return make_file(p, e);
        if (mkdirat(p->parent, p->temp, 0700) < 0)
                return err_sys(e, "cannot make a directory beside it");
        return review_note_made(p->review, p->parent, p->temp, e);
}

static int remove_temp(int parent, const char *temp, struct err *e)
{
        if (unlinkat(parent, temp, 0) == 0 || errno == ENOENT)
                return 0;
        if (errno != EISDIR && errno != EPERM)
                return err_sys(e, "cannot remove '%s'", temp);
        return erase_tree(parent, temp, e);
}

/* Whether what was taken out of its place is what was judged: moving it has changed its ctime alone. */
static int is_judged(const struct review_put *p, bool *ret, struct err *e)
{
        const struct review_ident *was = &p->change->lower;
        struct review_below below;
        struct stat st;

        *ret = false;
        if (fstatat(p->parent, p->temp, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return err_sys(e, "cannot stat '%s'", p->temp);
        const struct review_ident is = review_ident_of(&st);
        if (is.ino != was->ino || is.mode != was->mode)
                return 0;
        if (!S_ISDIR(is.mode)) {
                *ret = is.size == was->size && is.mtime_ns == was->mtime_ns;
                return 0;
        }
        if (review_look_below(p->parent, p->temp, 0, &below, e) < 0)
                return -e->code;
        *ret = below.digest == p->change->below.digest;
        return 0;
}

/* Who changed it may have taken our name away, too. */
static int put_back(const struct review_put *p, unsigned how, struct err *e)
{
        if (renameat2(p->parent, p->temp, p->parent, p->name, how) == 0)
                return 0;
        if (errno == ENOENT &&
            renameat2(p->parent, p->temp, p->parent, p->name, RENAME_NOREPLACE) == 0)
                return 0;
        return err_sys(e, "somebody changed it meanwhile; what it was is '%s' beside it", p->temp);
}

/* After a swap or a removal: the old one goes, or comes back. */
static int settle(const struct review_put *p, unsigned how_back, struct err *e)
{
        struct err why = { 0 };
        bool is_old = false;

        if (is_judged(p, &is_old, &why) == 0 && is_old)
                return remove_temp(p->parent, p->temp, e);
        if (put_back(p, how_back, e) < 0)
                return -e->code;
        if (why.code)
                *e = why;
        else if (how_back == RENAME_EXCHANGE)
                (void)remove_temp(p->parent, p->temp, &why);
        return e->code ? -e->code : -EEXIST;
}

/* Where the file system cannot exchange two names; a look just before has to do. */
static int replace(const struct review_put *p, struct err *e)
{
        struct stat st;

        if (fstatat(p->parent, p->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -EEXIST;
        const struct review_ident is = review_ident_of(&st);
        if (is.ino != p->change->lower.ino || is.mtime_ns != p->change->lower.mtime_ns ||
            is.size != p->change->lower.size)
                return -EEXIST;
        if (renameat(p->parent, p->temp, p->parent, p->name) < 0)
                return err_sys(e, "cannot put it in its place");
        return 0;
}

/* 1: the old one is under the temporary name now. */
static int swap_in(const struct review_put *p, struct err *e)
{
        if (!p->change->lower.exists) {
                if (renameat2(p->parent, p->temp, p->parent, p->name, RENAME_NOREPLACE) == 0)
                        return 0;
                return errno == EEXIST ? -EEXIST : err_sys(e, "cannot put it in its place");
        }
        if (renameat2(p->parent, p->temp, p->parent, p->name, RENAME_EXCHANGE) == 0)
                return 1;
        if (errno == ENOENT)
                return -EEXIST;
        if (errno == EINVAL && !S_ISDIR(p->change->lower.mode))
                return replace(p, e);
        return err_sys(e, "cannot put it in its place");
}

int review_put_new(const struct review_put *p, struct err *e)
{
        struct err lost = { 0 };
        int r = remove_temp(p->parent, p->temp, e);

        if (r == 0)
                r = make_temp(p, e);
        if (r == 0)
                r = swap_in(p, e);
        if (r < 0)
                (void)remove_temp(p->parent, p->temp, &lost);
        return r == 1 ? settle(p, RENAME_EXCHANGE, e) : r;
}

int review_put_removal(const struct review_put *p, struct err *e)
{
        if (remove_temp(p->parent, p->temp, e) < 0)
                return -e->code;
        if (renameat2(p->parent, p->name, p->parent, p->temp, RENAME_NOREPLACE) < 0)
                return errno == ENOENT ? 0 : err_sys(e, "cannot take it away");
        return settle(p, RENAME_NOREPLACE, e);
}

static int put_directory_looks(const struct review_put *p, struct err *e)
{
        const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
        autofd from = openat(p->upper, p->name, flags);
        autofd to = openat(p->parent, p->name, flags);

        if (from < 0 || to < 0)
                return err_sys(e, "cannot open it");
        return dress(from, to, p->change, e);
}

int review_put_looks(const struct review_put *p, struct err *e)
{
        const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
                                           from_ns(p->change->upper.mtime_ns) };
        struct stat st;

        if (S_ISDIR(p->change->upper.mode))
                return put_directory_looks(p, e);
        if (S_ISLNK(p->change->upper.mode))
                return utimensat(p->parent, p->name, times, AT_SYMLINK_NOFOLLOW) < 0
                               ? err_sys(e, "cannot set its times")
                               : 0;
        autoreader from = { .fd = -1 };
        if (review_read_upper(p->review, p->upper, p->name, &from, e) < 0)
                return -e->code;
        autofd to = openat(p->parent, p->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (to < 0)
                return err_sys(e, "cannot open it");
        if (fstat(to, &st) < 0 || st.st_ino != p->change->lower.ino)
                return -EEXIST;
        return dress(from.fd, to, p->change, e);
}

int review_sweep_temps(int dir, const char *id, struct err *e)
{
        int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        autodir *names = fd_take_dir(&copy);
        struct dirent *entry;
        char prefix[64];

        if (!names)
                return err_sys(e, "cannot list a directory");
        snprintf(prefix, sizeof(prefix), REVIEW_TEMP "%s-", id);
        while (errno = 0, (entry = readdir(names))) {
                if (str_has_prefix(entry->d_name, prefix) && remove_temp(dir, entry->d_name, e) < 0)
                        return -e->code;
        }
        return errno ? err_sys(e, "cannot list a directory") : 0;
}
