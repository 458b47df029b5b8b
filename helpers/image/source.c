#include "source.h"

#include "entry.h"
#include "fd.h"
#include "io.h"
#include "limit.h"
#include "path.h"
#include "str.h"
#include "tar.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ------ the walk ------ */

/* Top-level names of root file systems; no image archive has one of them. */
static bool is_rootfs_name(const char *name)
{
        static const char *const names[] = {
                "bin",    "boot",  "dev", "etc", "home", "lib",  "lib32", "lib64",
                "libx32", "media", "mnt", "opt", "proc", "root", "run",   "sbin",
                "srv",    "sys",   "tmp", "usr", "var",  NULL,
        };
        size_t len = strcspn(name, "/");

        for (const char *const *n = names; *n; n++) {
                if (strlen(*n) == len && memcmp(name, *n, len) == 0)
                        return true;
        }
        return false;
}

/* A name in the archive, as seen from the directory `from` of it; NULL on error. */
static char *clean_name(struct source *s, const char *from, const char *name, struct err *e)
{
        char *base = arena_print(&s->arena, e, "/%s", from);
        char *clean = base ? path_clean(&s->arena, base, name, e) : NULL;

        return clean ? clean + 1 : NULL;
}

static int spool_member(struct source *s, struct tar *tar, struct source_member *member,
                        struct err *e)
{
        char name[32];

        snprintf(name, sizeof(name), "member.%zu", s->n_members);
        autofd fd = openat(s->spool, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
                return err_sys(e, "cannot make a temporary file in the image store");
        for (;;) {
                const void *data;
                size_t len;
                uint64_t offset;

                if (tar_data(tar, &data, &len, &offset, e) < 0)
                        return -e->code;
                if (len == 0)
                        return 0;
                if (offset != member->offset)
                        return err_set(e, EINVAL, "member '%.100s' has holes", member->name);
                if (io_write_all(fd, data, len, "a temporary file in the image store", e) < 0)
                        return -e->code;
                member->offset += len;
        }
}

static int add_member(struct source *s, struct tar *tar, struct archive_entry *entry,
                      const char *name, struct err *e)
{
        struct source_member m = { .size = (uint64_t)archive_entry_size(entry) };
        const char *symlink = archive_entry_symlink(entry);
        const char *hardlink = archive_entry_hardlink(entry);

        m.name = arena_copy(&s->arena, name, e);
        char *from = m.name ? arena_copy(&s->arena, name, e) : NULL;
        if (!from)
                return -e->code;
        char *slash = strrchr(from, '/');
        *(slash ? slash : from) = '\0';
        if (hardlink || symlink) {
                m.target = clean_name(s, hardlink ? "" : from, hardlink ? hardlink : symlink, e);
                if (!m.target)
                        return -e->code;
        } else if (s->spool >= 0) {
                if (spool_member(s, tar, &m, e) < 0)
                        return -e->code;
        } else {
                m.offset = s->whole.offset + tar_data_offset(tar);
        }
        if (arena_grow(&s->arena, &s->members, s->n_members, sizeof(m), LIMIT_MEMBERS,
                       "members in the archive", e) < 0)
                return -e->code;
        s->members[s->n_members++] = m;
        return 0;
}

static bool is_member_type(struct archive_entry *entry)
{
        if (archive_entry_hardlink(entry) || archive_entry_filetype(entry) == AE_IFLNK)
                return true;
        return archive_entry_filetype(entry) == AE_IFREG && archive_entry_sparse_count(entry) == 0;
}

/* *ret_is_rootfs: it is clear what this is. */
static int look_at(struct source *s, struct tar *tar, struct archive_entry *entry,
                   bool *ret_is_rootfs, struct err *e)
{
        const char *name = archive_entry_pathname(entry);
        struct entry_path path;

        /* what cannot be the name of a member is for the unpacking to judge */
        if (!name || entry_path_parse(name, &path, e) < 0 || is_rootfs_name(path.text) ||
            s->n_members == LIMIT_MEMBERS) {
                *ret_is_rootfs = true;
                return 0;
        }
        if (archive_entry_filetype(entry) == AE_IFDIR && !archive_entry_hardlink(entry))
                return 0;
        if (!is_member_type(entry)) {
                *ret_is_rootfs = true;
                return 0;
        }
        return add_member(s, tar, entry, path.text, e);
}

static int walk(struct source *s, struct tar *tar, bool *ret_is_rootfs, struct err *e)
{
        *ret_is_rootfs = false;
        while (!*ret_is_rootfs) {
                struct archive_entry *entry;

                if (tar_next(tar, &entry, e) < 0)
                        return -e->code;
                if (!entry)
                        return 0;
                if (look_at(s, tar, entry, ret_is_rootfs, e) < 0)
                        return -e->code;
        }
        return 0;
}

static int walk_file(struct source *s, bool *ret_is_rootfs, struct err *e)
{
        autotar tar = { 0 };

        if (tar_open_file(&tar, &s->whole, e) < 0)
                return -e->code;
        return walk(s, &tar, ret_is_rootfs, e);
}

static int walk_stream(struct source *s, bool *ret_is_rootfs, struct err *e)
{
        const struct stream_spec spec = {
                .in = s->whole, .packed_out = -1, .plain_out = -1, .no_digests = true
        };
        autostream *stream = NULL;
        autotar tar = { 0 };

        if (stream_start(&spec, s->packing, &stream, e) < 0)
                return -e->code;
        int r = tar_open(&tar, stream, e);
        if (r == 0)
                r = walk(s, &tar, ret_is_rootfs, e);
        if (r < 0 || *ret_is_rootfs) {
                int stopped = stream_stop(stream, e);

                return r < 0 ? -e->code : stopped;
        }
        struct stream_result unused;
        if (tar_drain(&tar, e) < 0) {
                stream_stop(stream, e);
                return -e->code;
        }
        return stream_finish(stream, &unused, e);
}

/* ------ members ------ */

static const struct source_member *find_member(const struct source *s, const char *name,
                                               struct err *e)
{
        const struct source_member *found = NULL;

        for (size_t i = 0; i < s->n_members; i++) {
                if (!str_eq(s->members[i].name, name))
                        continue;
                if (found) {
                        err_set(e, EINVAL, "the archive has '%.200s' twice", name);
                        return NULL;
                }
                found = &s->members[i];
        }
        if (!found)
                err_set(e, ENOENT, "the archive has no '%.200s'", name);
        return found;
}

static const struct source_member *resolve_member(const struct source *s, const char *name,
                                                  struct err *e)
{
        const struct source_member *m = find_member(s, name, e);

        for (unsigned i = 0; m && m->target; i++) {
                if (i == LIMIT_LINKS) {
                        err_set(e, ELOOP, "'%.200s' in the archive is a loop of links", name);
                        return NULL;
                }
                m = find_member(s, m->target, e);
        }
        return m;
}

static bool has_member(const struct source *s, const char *name)
{
        for (size_t i = 0; i < s->n_members; i++) {
                if (str_eq(s->members[i].name, name))
                        return true;
        }
        return false;
}

static int open_beneath(int directory, const char *name, struct err *e)
{
        struct open_how how = {
                .flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
        };
        int fd = (int)syscall(SYS_openat2, directory, name, &how, sizeof(how));

        if (fd < 0)
                return err_sys(e, "cannot open '%.200s' in the layout", name);
        return fd;
}

static int find_in_directory(const struct source *s, const char *name, int *ret_fd,
                             struct region *ret, struct err *e)
{
        autofd fd = open_beneath(s->directory, name, e);
        struct stat st;

        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0)
                return err_sys(e, "cannot stat '%.200s' in the layout", name);
        if (!S_ISREG(st.st_mode))
                return err_set(e, EINVAL, "'%.200s' in the layout is not a file", name);
        *ret = (struct region){ .fd = fd, .size = (uint64_t)st.st_size };
        *ret_fd = fd_take(&fd);
        return 0;
}

int source_find(const struct source *s, const char *name, int *ret_fd, struct region *ret,
                struct err *e)
{
        char spooled[32];
        int fd;

        if (s->directory >= 0)
                return find_in_directory(s, name, ret_fd, ret, e);

        const struct source_member *m = resolve_member(s, name, e);
        if (!m)
                return -e->code;
        if (s->spool >= 0) {
                snprintf(spooled, sizeof(spooled), "member.%zu", (size_t)(m - s->members));
                fd = openat(s->spool, spooled, O_RDONLY | O_CLOEXEC);
        } else {
                fd = fcntl(s->whole.fd, F_DUPFD_CLOEXEC, 3);
        }
        if (fd < 0)
                return err_sys(e, "cannot open '%.200s' of the archive", name);
        *ret = (struct region){ .fd = fd,
                                .offset = s->spool >= 0 ? 0 : m->offset,
                                .size = m->size };
        *ret_fd = fd;
        return 0;
}

int source_read_region(const struct region *in, const char *name, size_t limit, char **ret_data,
                       struct err *e)
{
        if (in->size > limit)
                return err_set(e, EFBIG, "'%.200s' is larger than %zu bytes", name, limit);
        autofree char *data = mem_alloc((size_t)in->size + 1, e);
        if (!data || stream_read_region(in, 0, data, (size_t)in->size, e) < 0)
                return -e->code;
        *ret_data = data;
        data = NULL;
        return 0;
}

int source_read(const struct source *s, const char *name, size_t limit, char **ret_data,
                size_t *ret_len, struct err *e)
{
        autofd fd = -1;
        struct region in;

        if (source_find(s, name, &fd, &in, e) < 0 ||
            source_read_region(&in, name, limit, ret_data, e) < 0)
                return -e->code;
        *ret_len = (size_t)in.size;
        return 0;
}

/* ------ recognition ------ */

static int open_directory(struct source *s, int input, struct err *e)
{
        struct stat st;

        s->directory = input;
        s->kind = SOURCE_OCI;
        if (fstatat(input, "oci-layout", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
                return 0;
        err_set(e, EINVAL, "the directory is not an OCI layout: it has no 'oci-layout'");
        return err_hint(e,
                        "a root directory needs no import: kelp run DIRECTORY COMMAND; to have it "
                        "in the store: tar -C DIRECTORY -cf - . | kelp import - NAME");
}

static int open_file(struct source *s, struct err *e)
{
        bool is_rootfs;

        if (s->whole.size == 0)
                return err_set(e, EINVAL, "the file is empty");
        if (stream_recognise(&s->whole, &s->packing, e) < 0)
                return -e->code;
        if (s->packing == PACKING_NONE)
                s->spool = -1;
        int r = s->packing == PACKING_NONE ? walk_file(s, &is_rootfs, e)
                                           : walk_stream(s, &is_rootfs, e);
        if (r < 0)
                return -e->code;
        s->kind = SOURCE_ROOTFS;
        if (is_rootfs)
                return 0;
        if (has_member(s, "oci-layout") && has_member(s, "index.json"))
                s->kind = SOURCE_OCI;
        else if (has_member(s, "manifest.json"))
                s->kind = SOURCE_DOCKER;
        return 0;
}

int source_open(struct source *s, int input, int session, struct err *e)
{
        struct stat st;

        *s = (struct source){ .directory = -1, .spool = session, .whole.fd = input };
        if (fstat(input, &st) < 0)
                return err_sys(e, "cannot stat the input");
        if (S_ISDIR(st.st_mode))
                return open_directory(s, input, e);
        if (!S_ISREG(st.st_mode))
                return err_set(e, EINVAL, "it is neither a file nor a directory");
        s->whole.size = (uint64_t)st.st_size;
        return open_file(s, e);
}

void source_done(struct source *s)
{
        arena_done(&s->arena);
        *s = (struct source){ .directory = -1, .spool = -1 };
}
