/* One entry of a layer that is made of an upper layer. */

#include "diff-inner.h"

#include "io.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Holes of smaller files are not worth the trouble. */
#define SPARSE_FROM (1u << 20)

#define WHITEOUT ".wh."
#define OPAQUE   ".wh..wh..opq"

static int count(struct diff *d, const struct stat *st, struct err *e)
{
        struct timespec *newest = &d->count->newest;

        if (++d->count->entries > LIMIT_ENTRIES)
                return err_set(e, E2BIG, "there are more than %u changes", LIMIT_ENTRIES);
        if (st->st_mtim.tv_sec > newest->tv_sec ||
            (st->st_mtim.tv_sec == newest->tv_sec && st->st_mtim.tv_nsec > newest->tv_nsec))
                *newest = st->st_mtim;
        return 0;
}

/* What all entries have: name, type, mode, owner, time. */
static struct archive_entry *fill(struct diff *d, const struct stat *st)
{
        struct archive_entry *entry = archive_entry_clear(d->entry);

        archive_entry_copy_pathname(entry, d->path_len ? d->path : ".");
        archive_entry_set_filetype(entry, st->st_mode & S_IFMT);
        archive_entry_set_perm(entry, st->st_mode & 07777);
        archive_entry_set_uid(entry, st->st_uid);
        archive_entry_set_gid(entry, st->st_gid);
        archive_entry_set_mtime(entry, st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
        archive_entry_set_size(entry, 0);
        return entry;
}

static void add_attrs(struct archive_entry *entry, const struct attrs *attrs)
{
        /* the writer takes them from the last one on */
        for (size_t i = attrs->n; i > 0; i--)
                archive_entry_xattr_add_entry(entry, attrs->items[i - 1].name,
                                              attrs->items[i - 1].value, attrs->items[i - 1].size);
}

/* The entry of a file that has one already; *ret: it was. */
static int write_link(struct diff *d, const struct stat *st, bool *ret, struct err *e)
{
        const char *first = NULL;

        *ret = false;
        if (st->st_nlink < 2)
                return 0;
        if (links_find(&d->links, st->st_ino, d->path, &first, e) < 0)
                return -e->code;
        if (!first)
                return 0;
        struct archive_entry *entry = fill(d, st);
        archive_entry_copy_hardlink(entry, first);
        *ret = true;
        return tarout_entry(d->spec->out, entry, e);
}

/* ------ what is no regular file ------ */

/* An empty file of root's, without a time: `name` says all. */
static int write_mark(struct diff *d, const char *name, struct err *e)
{
        struct archive_entry *entry = archive_entry_clear(d->entry);

        archive_entry_copy_pathname(entry, name);
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_perm(entry, 0);
        archive_entry_set_mtime(entry, 0, 0);
        archive_entry_set_size(entry, 0);
        return tarout_entry(d->spec->out, entry, e);
}

int diff_write_directory(struct diff *d, const struct diff_level *level, struct err *e)
{
        size_t whole = d->path_len;
        char mark[LIMIT_PATH + sizeof(OPAQUE) + 1];
        struct archive_entry *entry;

        if (count(d, &level->st, e) < 0)
                return -e->code;
        d->path_len = level->path_len;
        entry = fill(d, &level->st);
        d->path_len = whole;
        add_attrs(entry, &level->attrs);
        if (tarout_entry(d->spec->out, entry, e) < 0)
                return -e->code;
        if (!level->hides)
                return 0;
        snprintf(mark, sizeof(mark), "%s%s" OPAQUE, d->path, level->path_len ? "/" : "");
        return write_mark(d, mark, e);
}

int diff_write_whiteout(struct diff *d, const struct stat *st, struct err *e)
{
        const char *slash = strrchr(d->path, '/');
        int dir = slash ? (int)(slash + 1 - d->path) : 0;
        char mark[LIMIT_PATH + sizeof(WHITEOUT)];

        if (count(d, st, e) < 0)
                return -e->code;
        snprintf(mark, sizeof(mark), "%.*s" WHITEOUT "%s", dir, d->path, d->path + dir);
        return write_mark(d, mark, e);
}

int diff_write_symlink(struct diff *d, int parent, const char *name, const struct stat *st,
                       struct err *e)
{
        char target[LIMIT_PATH + 2];
        ssize_t n = readlinkat(parent, name, target, sizeof(target) - 1);
        bool is_link;

        if (n < 0)
                return err_sys(e, "cannot read the symlink '%.200s'", d->path);
        if (n == 0 || n > (ssize_t)LIMIT_PATH)
                return err_set(e, ENAMETOOLONG, "the target of the symlink '%.200s' is too long",
                               d->path);
        target[n] = '\0';
        if (count(d, st, e) < 0 || write_link(d, st, &is_link, e) < 0)
                return -e->code;
        if (is_link)
                return 0;
        struct archive_entry *entry = fill(d, st);
        archive_entry_copy_symlink(entry, target);
        return tarout_entry(d->spec->out, entry, e);
}

int diff_write_fifo(struct diff *d, const struct stat *st, struct err *e)
{
        bool is_link;

        if (count(d, st, e) < 0 || write_link(d, st, &is_link, e) < 0)
                return -e->code;
        return is_link ? 0 : tarout_entry(d->spec->out, fill(d, st), e);
}

/* ------ regular files ------ */

/* Where there is data in a file with holes. */
static int map_data(const struct diff *d, int fd, off_t size, struct archive_entry *entry,
                    struct err *e)
{
        bool is_empty = true;

        for (off_t at = 0; at < size;) {
                off_t data = lseek(fd, at, SEEK_DATA);

                if (data < 0 && errno == ENXIO)
                        break;
                off_t hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
                if (hole < 0)
                        return err_sys(e, "cannot find the holes of '%.200s'", d->path);
                archive_entry_sparse_add_entry(entry, data, hole - data);
                is_empty = false;
                at = hole;
        }
        /* nothing at the end says that all of it is a hole */
        if (is_empty)
                archive_entry_sparse_add_entry(entry, size, 0);
        return 0;
}

static int write_data(struct diff *d, int fd, off_t size, struct err *e)
{
        for (off_t at = 0; at < size;) {
                size_t left = (size_t)(size - at);
                size_t want = left < DIFF_BUFFER ? left : DIFF_BUFFER;
                ssize_t n = io_read_at(fd, d->buffer, want, (uint64_t)at);

                if (n < 0)
                        return err_sys(e, "cannot read '%.200s'", d->path);
                if (n == 0)
                        return err_set(e, EIO, "'%.200s' became shorter while it was read",
                                       d->path);
                if (tarout_data(d->spec->out, d->buffer, (size_t)n, e) < 0)
                        return -e->code;
                at += n;
        }
        return 0;
}

static int write_content(struct diff *d, int fd, const struct stat *st, const struct attrs *attrs,
                         struct err *e)
{
        bool has_holes = st->st_size >= SPARSE_FROM && st->st_blocks < st->st_size / 512 / 2;
        struct archive_entry *entry = fill(d, st);

        if ((uint64_t)st->st_size > LIMIT_BYTES)
                return err_set(e, EFBIG, "'%.200s' is larger than %llu GiB", d->path,
                               LIMIT_BYTES >> 30);
        archive_entry_set_size(entry, st->st_size);
        add_attrs(entry, attrs);
        if (has_holes && map_data(d, fd, st->st_size, entry, e) < 0)
                return -e->code;
        if (tarout_entry(d->spec->out, entry, e) < 0)
                return -e->code;
        return write_data(d, fd, st->st_size, e);
}

int diff_write_file(struct diff *d, int fd, const struct stat *st, struct err *e)
{
        autoattrs attrs = { 0 };
        bool is_link;

        if (attrs_read(fd, d->path, &attrs, e) < 0)
                return -e->code;
        if (attrs.is_whiteout && st->st_size == 0)
                return diff_write_whiteout(d, st, e);
        if (count(d, st, e) < 0 || write_link(d, st, &is_link, e) < 0)
                return -e->code;
        if (is_link)
                return 0;
        d->count->attrs += attrs.n_left_out;
        return write_content(d, fd, st, &attrs, e);
}
