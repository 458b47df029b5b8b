#include "layer.h"

#include "fd.h"
#include "io.h"
#include "limit.h"
#include "mem.h"
#include "record.h"
#include "str.h"
#include "subids.h"
#include "tar.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/xattr.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* A block of the file system, in most of them. */
#define HOLE 4096u

/* One entry on its way from the archive to the tree. */
struct unpack {
        struct tar *tar;
        struct tree *tree;
        struct layer_count *count;
        const struct id_maps *maps; /* NULL: everything is the user's */
        struct hasher content;      /* of the file that is being written */
        struct record_notes notes;
        struct entry_path path;
        struct entry_path target;
        struct tree_attr attr;
        struct tree_xattr xattrs[LIMIT_XATTRS];
};

static int refuse(const struct unpack *u, const char *why, struct err *e)
{
        return err_set(e, EINVAL, "entry '%.200s' is refused: %s", u->path.text, why);
}

/*
 * File capabilities mean something only where files have owners.  The kernel takes no others than
 * these; it notes the namespace with them.  Source: capabilities(7), linux/capability.h.
 */
static bool is_capability(const struct tree_xattr *x)
{
        const unsigned char *value = x->value;

        return str_eq(x->name, XATTR_NAME_CAPS) && value &&
               ((x->size == XATTR_CAPS_SZ_2 && value[3] == VFS_CAP_REVISION_2 >> 24) ||
                (x->size == XATTR_CAPS_SZ_3 && value[3] == VFS_CAP_REVISION_3 >> 24));
}

/*
 * Else only what a user may set and what means nothing to the kernel: user.*, but not
 * user.overlay.*, with which an archive would steer the overlay.
 */
static bool is_kept_xattr(const char *name)
{
        return str_has_prefix(name, "user.") && !str_has_prefix(name, "user.overlay.") &&
               strlen(name) <= LIMIT_NAME;
}

static int read_xattrs(struct unpack *u, struct archive_entry *entry, struct err *e)
{
        struct tree_xattr x;

        u->attr.xattrs = u->xattrs;
        u->attr.n_xattrs = 0;
        archive_entry_xattr_reset(entry);
        while (archive_entry_xattr_next(entry, &x.name, &x.value, &x.size) == ARCHIVE_OK) {
                if (!x.name || !(is_kept_xattr(x.name) || (u->maps && is_capability(&x))))
                        continue;
                if (u->attr.n_xattrs == LIMIT_XATTRS || x.size > LIMIT_XATTR_SIZE)
                        return refuse(u, "it has too many or too large extended attributes", e);
                u->xattrs[u->attr.n_xattrs++] = x;
        }
        return 0;
}

/* What a file system cannot hold it cuts itself; this keeps far-off values sane for all. */
static time_t clamp_time(time_t t)
{
        const time_t limit = (time_t)1 << 40;

        if (t > limit)
                return limit;
        return t < -limit ? -limit : t;
}

static int check_id(const struct unpack *u, const char *kind, const struct id_map *map,
                    la_int64_t id, struct err *e)
{
        const struct id_range *last = &map->ranges[map->n - 1];

        if (id >= 0 && id_map_has(map, (uint64_t)id))
                return 0;
        err_set(e, SUBIDS_ERROR, "entry '%.200s' belongs to %s %lld, and you have the ids 0 to %u",
                u->path.text, kind, (long long)id, last->inner + (last->count - 1));
        return err_hint(e, "a longer range in '/etc/sub%s', or --userns single", kind);
}

static int read_owner(struct unpack *u, struct archive_entry *entry, struct err *e)
{
        la_int64_t uid = archive_entry_uid(entry);
        la_int64_t gid = archive_entry_gid(entry);

        if (!u->maps)
                return 0;
        if (check_id(u, "uid", &u->maps->uids, uid, e) < 0 ||
            check_id(u, "gid", &u->maps->gids, gid, e) < 0)
                return -e->code;
        u->attr.uid = (uid_t)uid;
        u->attr.gid = (gid_t)gid;
        return 0;
}

static int read_attr(struct unpack *u, struct archive_entry *entry, struct err *e)
{
        long nsec = archive_entry_mtime_nsec(entry);

        u->attr.mode = archive_entry_perm(entry) & 07777;
        u->attr.mtime.tv_sec = clamp_time(archive_entry_mtime(entry));
        u->attr.mtime.tv_nsec = nsec >= 0 && nsec < 1000000000 ? nsec : 0;
        /* libarchive adds the fraction of "-1.5" instead of taking it away; "-0.5" is "0.5" to it */
        if (u->attr.mtime.tv_sec < 0 && u->attr.mtime.tv_nsec > 0) {
                u->attr.mtime.tv_sec--;
                u->attr.mtime.tv_nsec = 1000000000 - u->attr.mtime.tv_nsec;
        }
        if (read_owner(u, entry, e) < 0)
                return -e->code;
        return read_xattrs(u, entry, e);
}

static int write_at(int fd, const char *data, size_t len, uint64_t offset, struct unpack *u,
                    struct err *e)
{
        if (io_write_at(fd, data, len, offset) >= 0)
                return 0;
        bool is_full = errno == ENOSPC || errno == EDQUOT;
        err_sys(e, "cannot write '%.200s'", u->path.text);
        if (is_full)
                err_hint(e, "the file system of the image store is full");
        return -e->code;
}

static bool is_zero(const char *data, size_t len)
{
        return !data[0] && memcmp(data, data + 1, len - 1) == 0;
}

/*
 * Zeros become holes: they take no room on the disk, as they take next to none in an archive that
 * is compressed.  The pieces do not end where blocks do, so the parts of a block count, too.  *end
 * is where the last write ended, which is not where the file does.
 */
static int write_piece(int fd, const char *data, size_t len, uint64_t offset, struct unpack *u,
                       uint64_t *end, struct err *e)
{
        size_t start = 0;
        size_t n;

        for (size_t at = 0; at < len; at += n) {
                size_t left = HOLE - (size_t)((offset + at) % HOLE);

                n = left < len - at ? left : len - at;
                if (!is_zero(data + at, n))
                        continue;
                if (at > start && write_at(fd, data + start, at - start, offset + start, u, e) < 0)
                        return -e->code;
                *end = at > start ? offset + at : *end;
                start = at + n;
        }
        if (start == len)
                return 0;
        *end = offset + len;
        return write_at(fd, data + start, len - start, offset + start, u, e);
}

/* What a reader of the file will see in a hole. */
static void hash_hole(struct unpack *u, uint64_t len)
{
        static const char zeros[64u << 10];

        while (len > 0) {
                size_t n = len < sizeof(zeros) ? (size_t)len : sizeof(zeros);

                hasher_add(&u->content, zeros, n);
                len -= n;
        }
}

/* Holes of a sparse file stay holes.  Pieces come in their order. */
static int write_data(struct unpack *u, int fd, uint64_t size, struct err *e)
{
        uint64_t end = 0;
        uint64_t written = 0;

        for (;;) {
                const void *data;
                size_t len;
                uint64_t offset;

                if (tar_data(u->tar, &data, &len, &offset, e) < 0)
                        return -e->code;
                if (len == 0)
                        break;
                if (offset > size || len > size - offset)
                        return refuse(u, "it has more data than its size", e);
                if (offset < end)
                        return refuse(u, "the pieces of its data are not in order", e);
                if (write_piece(fd, data, len, offset, u, &written, e) < 0)
                        return -e->code;
                hash_hole(u, offset - end);
                hasher_add(&u->content, data, len);
                end = offset + len;
        }
        hash_hole(u, size - end);
        if (written < size && ftruncate(fd, (off_t)size) < 0)
                return err_sys(e, "cannot set the size of '%.200s'", u->path.text);
        return 0;
}

static int unpack_file(struct unpack *u, uint64_t size, struct err *e)
{
        autofd fd = -1;
        struct digest content;

        if (tree_make_file(u->tree, &u->path, &u->attr, &fd, e) < 0 ||
            hasher_restart(&u->content, e) < 0)
                return -e->code;
        if (size > 0 && write_data(u, fd, size, e) < 0)
                return -e->code;
        if (hasher_finish(&u->content, &content, e) < 0 ||
            tree_set_xattrs(u->tree, fd, &u->path, &u->attr, e) < 0 ||
            record_note_file(&u->notes, fd, &content, u->attr.n_xattrs > 0, e) < 0)
                return -e->code;
        return tree_end_file(fd, &u->path, &u->attr, e);
}

static int unpack_device(struct unpack *u, struct archive_entry *entry, struct err *e)
{
        /* to an overlay it would be a whiteout that no reader of archives sees */
        if (archive_entry_filetype(entry) == AE_IFCHR && archive_entry_rdev(entry) == 0)
                return refuse(u, "it is the character device 0:0", e);
        u->count->devices++;
        return 0;
}

static int unpack_hardlink(struct unpack *u, const char *target, uint64_t size, struct err *e)
{
        if (size > 0)
                return refuse(u, "it is a hard link that has data", e);
        if (entry_path_parse(target, &u->target, e) < 0)
                return err_prefix(e, "entry '%.100s' is a hard link", u->path.text);
        return tree_make_hardlink(u->tree, &u->path, &u->target, e);
}

static int unpack_symlink(struct unpack *u, struct archive_entry *entry, struct err *e)
{
        const char *target = archive_entry_symlink(entry);

        if (!target)
                return refuse(u, "it is a symlink to nothing", e);
        return tree_make_symlink(u->tree, &u->path, target, &u->attr, e);
}

static int unpack_plain(struct unpack *u, struct archive_entry *entry, uint64_t size, struct err *e)
{
        const char *hardlink = archive_entry_hardlink(entry);

        if (hardlink)
                return unpack_hardlink(u, hardlink, size, e);
        if (read_attr(u, entry, e) < 0)
                return -e->code;
        switch (archive_entry_filetype(entry)) {
        case AE_IFREG:
                return unpack_file(u, size, e);
        case AE_IFDIR:
                return tree_make_directory(u->tree, &u->path, &u->attr, e);
        case AE_IFLNK:
                return unpack_symlink(u, entry, e);
        case AE_IFIFO:
                return tree_make_fifo(u->tree, &u->path, &u->attr, e);
        case AE_IFCHR:
        case AE_IFBLK:
        case AE_IFSOCK:
                return unpack_device(u, entry, e);
        default:
                return refuse(u, "it is of an unknown type", e);
        }
}

static int unpack_mark(struct unpack *u, struct archive_entry *entry, enum entry_mark mark,
                       uint64_t size, struct err *e)
{
        if (archive_entry_hardlink(entry) || archive_entry_filetype(entry) != AE_IFREG || size > 0)
                return refuse(u, "it is named like a whiteout but not an empty file", e);
        if (mark == ENTRY_OPAQUE)
                return tree_make_opaque(u->tree, &u->path, e);
        return tree_make_whiteout(u->tree, &u->path, e);
}

static int count_entry(struct unpack *u, struct archive_entry *entry, uint64_t *ret_size,
                       struct err *e)
{
        struct layer_count *count = u->count;
        la_int64_t size = archive_entry_size_is_set(entry) ? archive_entry_size(entry) : 0;

        if (++count->entries > LIMIT_ENTRIES)
                return err_set(e, E2BIG, "the image has more than %u entries", LIMIT_ENTRIES);
        if (size < 0)
                return err_set(e, EINVAL, "an entry has a negative size");
        if ((uint64_t)size > LIMIT_BYTES - count->bytes)
                return err_set(e, EFBIG, "the files of the image are larger than %llu GiB",
                               LIMIT_BYTES >> 30);
        count->bytes += (uint64_t)size;
        *ret_size = (uint64_t)size;
        return 0;
}

static int unpack_entry(struct unpack *u, struct archive_entry *entry, struct err *e)
{
        const char *name = archive_entry_pathname(entry);
        enum entry_mark mark;
        uint64_t size = 0;

        if (count_entry(u, entry, &size, e) < 0)
                return -e->code;
        if (!name)
                return err_set(e, EINVAL, "an entry has a name that cannot be read");
        if (entry_path_parse(name, &u->path, e) < 0 || entry_take_mark(&u->path, &mark, e) < 0)
                return -e->code;
        if (mark != ENTRY_PLAIN)
                return unpack_mark(u, entry, mark, size, e);
        return unpack_plain(u, entry, size, e);
}

static void free_unpack(struct unpack **u)
{
        if (*u) {
                hasher_done(&(*u)->content);
                record_notes_done(&(*u)->notes);
        }
        free(*u);
}

static int unpack_entries(struct unpack *u, struct err *e)
{
        for (;;) {
                struct archive_entry *entry;

                if (tar_next(u->tar, &entry, e) < 0)
                        return -e->code;
                if (!entry)
                        return tree_finish(u->tree, e);
                if (unpack_entry(u, entry, e) < 0)
                        return -e->code;
        }
}

static int unpack_stream(const struct layer_spec *spec, struct stream *stream,
                         struct layer_count *count, struct tar *tar, struct err *e)
{
        __attribute__((cleanup(free_unpack))) struct unpack *u = mem_alloc(sizeof(*u), e);
        autotree *tree = NULL;

        if (!u)
                return -e->code;
        record_notes_init(&u->notes, spec->scratch);
        if (hasher_start(&u->content, e) < 0 ||
            tree_open(spec->dir, spec->maps != NULL, spec->lower, spec->lower_context, &tree, e) <
                    0 ||
            tar_open(tar, stream, e) < 0)
                return -e->code;
        u->tar = tar;
        u->tree = tree;
        u->count = count;
        u->maps = spec->maps;
        if (unpack_entries(u, e) < 0)
                return -e->code;
        if (spec->record_out >= 0 &&
            record_write(spec->dir, spec->maps != NULL, &u->notes, spec->record_out, e) < 0)
                return -e->code;
        return tar_drain(tar, e);
}

/* A layer that the store already has: only its digests matter. */
static void drain_stream(struct stream *stream)
{
        size_t len;

        while (stream_read(stream, &len))
                ;
}

int layer_unpack(const struct layer_spec *spec, struct layer_count *count,
                 struct stream_result *ret, struct err *e)
{
        const struct stream_spec stream_spec = { .in = spec->in,
                                                 .packed_out = spec->packed_out,
                                                 .plain_out = spec->plain_out };
        autostream *stream = NULL;
        autotar tar = { 0 };

        if (stream_start(&stream_spec, spec->packing, &stream, e) < 0)
                return -e->code;
        if (spec->dir < 0) {
                drain_stream(stream);
        } else if (unpack_stream(spec, stream, count, &tar, e) < 0) {
                /* what is wrong with the stream explains what is wrong with the archive */
                stream_stop(stream, e);
                return -e->code;
        }
        if (stream_finish(stream, ret, e) < 0)
                return -e->code;
        if (spec->must_end && !tar.ends_in_zeros)
                return err_set(e, EINVAL, "the archive is cut off: it has no end mark");
        return 0;
}
