#include "special.h"

#include "fd.h"
#include "io.h"
#include "mounts.h"
#include "path.h"
#include "place.h"
#include "resolve.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_TABLE  (16u << 20)
#define MAX_LOOKED 1000000u
#define MAX_DEPTH  256

/*
 * Gone meanwhile, on a file system whose server is gone, or out of the user's reach: then out of
 * the sandbox's too.  Anything else says nothing about the object, so it is no reason to pass it.
 */
static bool is_out_of_reach(int code)
{
        return code == ENOENT || code == ENOTDIR || code == ELOOP || code == EACCES ||
               code == ENOTCONN || code == ESTALE || code == EIO;
}

static int cover(struct tree *t, const char *box_path, const char *origin, struct err *e)
{
        struct tree_entry *entry;

        for (size_t i = 0; i < t->n_entries; i++) {
                entry = &t->entries[i];
                if (!str_eq(entry->box_path, box_path))
                        continue;
                /* a protected name can be one, too; what was asked for by --socket stays */
                if (entry->kind == TREE_PIN)
                        *entry = (struct tree_entry){ .kind = TREE_EMPTY,
                                                      .flags = TREE_IF_EXISTS | TREE_NO_FOLLOW,
                                                      .box_path = entry->box_path,
                                                      .fd = -1,
                                                      .origin = origin };
                return 0;
        }
        box_path = arena_copy(&t->arena, box_path, e);
        entry = box_path ? tree_add(t, TREE_EMPTY, box_path, origin, e) : NULL;
        if (!entry)
                return -e->code;
        entry->flags = TREE_IF_EXISTS | TREE_NO_FOLLOW;
        return 0;
}

/* Where a host path is seen in the box, if it is: below the bind whose source is nearest to it. */
static const char *seen_at(struct tree *t, const char *host_path, struct err *e)
{
        const struct tree_entry *best = NULL;

        for (size_t i = 0; i < t->n_entries; i++) {
                const struct tree_entry *entry = &t->entries[i];

                if (entry->kind == TREE_BIND && path_is_in(host_path, entry->source) &&
                    (!best || strlen(entry->source) >= strlen(best->source)))
                        best = entry;
        }
        if (!best)
                return NULL;
        const char *rest = host_path + (str_eq(best->source, "/") ? 0 : strlen(best->source));
        const char *box_path = arena_print(&t->arena, e, "%s%s",
                                           str_eq(best->box_path, "/") ? "" : best->box_path, rest);
        /* a mount of ours in between hides it already */
        if (!box_path || place_owner(t, box_path) != best)
                return NULL;
        return box_path;
}

static int cover_served(struct tree *t, const char *name, struct err *e)
{
        autofd fd = open(name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        const char *box_path;
        char real[PATH_MAX];
        struct stat st;

        if (fd < 0 && is_out_of_reach(errno))
                return 0;
        if (fd < 0 || fstat(fd, &st) < 0)
                return err_sys(e, "cannot judge the served socket '%s'", name);
        if (!S_ISSOCK(st.st_mode) || !resolve_name_of(fd, real, sizeof(real)))
                return 0;
        *e = (struct err){ .step = e->step };
        box_path = seen_at(t, real, e);
        if (!box_path)
                return -e->code;
        return cover(t, box_path, "served socket", e);
}

/* Only what is bound can be seen: most sockets of a desktop lie in /run and /tmp. */
static bool may_be_seen(const struct tree *t, const char *name)
{
        const struct tree_entry *owner = place_owner(t, name);

        return owner && owner->kind == TREE_BIND;
}

/* /proc/net/unix: "Num RefCount Protocol Flags Type St Inode Path"; '@' is an abstract name. */
static int cover_all_served(struct tree *t, struct err *e)
{
        autofree char *table = NULL;
        char *at;

        if (io_read_file(AT_FDCWD, "/proc/net/unix", MAX_TABLE, &table, NULL, e) < 0)
                return err_prefix(e, "cannot look for served sockets");
        at = table;
        for (char *line = str_next_field(&at, '\n'); line; line = str_next_field(&at, '\n')) {
                char *name = strstr(line, " /");

                if (!name || !may_be_seen(t, name + 1))
                        continue;
                if (cover_served(t, name + 1, e) < 0)
                        return -e->code;
        }
        return 0;
}

/* Whether a file system of that type shows the host's processes or devices. */
static bool is_host_view(const char *type)
{
        static const char *const types[] = { "proc", "sysfs", "devpts", "mqueue" };

        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
                if (str_eq(type, types[i]))
                        return true;
        }
        return false;
}

/* A chroot's own /proc, say, which came along with the tree that it is in. */
static int cover_host_views(struct tree *t, struct err *e)
{
        autofree char *table = NULL;
        struct host_mount mount;
        char *at;

        if (io_read_file(AT_FDCWD, "/proc/self/mountinfo", MAX_TABLE, &table, NULL, e) < 0)
                return err_prefix(e, "cannot look for other mounts of /proc");
        at = table;
        while (host_next_mount(&at, &mount)) {
                const char *box_path = is_host_view(mount.type) ? seen_at(t, mount.point, e) : NULL;

                if (box_path && cover(t, box_path, "the host's kernel file systems", e) < 0)
                        return -e->code;
                if (e->code != 0)
                        return -e->code;
        }
        return 0;
}

struct walk {
        struct tree *t;
        const char *box_path;
        char rest[PATH_MAX]; /* below box_path */
        size_t looked;
};

static int walk_dir(struct walk *w, int dirfd, size_t len, int depth, struct err *e);

/* Some file systems leave it to stat(2).  *ret is DT_UNKNOWN for what is out of reach. */
static int find_type(int dirfd, const struct dirent *entry, unsigned char *ret, struct err *e)
{
        struct stat st;

        *ret = entry->d_type;
        if (entry->d_type != DT_UNKNOWN)
                return 0;
        if (fstatat(dirfd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
                *ret = IFTODT(st.st_mode);
        else if (!is_out_of_reach(errno))
                return err_sys(e, "cannot stat '%s'", entry->d_name);
        return 0;
}

/* Looks into what can be listed: what the user cannot list, the payload cannot either. */
static int walk_child(struct walk *w, int dirfd, const char *name, size_t len, int depth,
                      struct err *e)
{
        int child = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (child >= 0 && resolve_is_kernels(child)) {
                /* another mount of /proc has no end, and is covered as a whole */
                close(child);
                return 0;
        }
        if (child >= 0)
                return walk_dir(w, child, len, depth, e);
        if (is_out_of_reach(errno))
                return 0;
        return err_sys(e, "cannot look for sockets and fifos in '%s%.*s'", w->box_path, (int)len,
                       w->rest);
}

static int walk_entry(struct walk *w, int dirfd, const struct dirent *entry, size_t len, int depth,
                      struct err *e)
{
        size_t name_len = strlen(entry->d_name);
        unsigned char type;

        if (find_type(dirfd, entry, &type, e) < 0)
                return -e->code;
        if (type != DT_DIR && type != DT_SOCK && type != DT_FIFO)
                return 0;
        if (len + name_len + 2 > sizeof(w->rest))
                return err_set(e, ENAMETOOLONG, "a path below '%s' is too long", w->box_path);
        w->rest[len] = '/';
        memcpy(w->rest + len + 1, entry->d_name, name_len + 1);
        if (type == DT_DIR)
                return walk_child(w, dirfd, entry->d_name, len + 1 + name_len, depth + 1, e);
        char *path = arena_print(&w->t->arena, e, "%s%s", w->box_path, w->rest);
        return path ? cover(w->t, path, type == DT_FIFO ? "fifo" : "socket", e) : -e->code;
}

/* Takes `dirfd`. */
static int walk_dir(struct walk *w, int dirfd, size_t len, int depth, struct err *e)
{
        autodir *dir = fdopendir(dirfd);
        struct dirent *entry;

        if (!dir) {
                int saved = errno;

                close(dirfd);
                errno = saved;
                return err_sys(e, "cannot list '%s%.*s'", w->box_path, (int)len, w->rest);
        }
        if (depth > MAX_DEPTH)
                return err_set(e, ELOOP, "'%s%.*s' is nested too deep", w->box_path, (int)len,
                               w->rest);
        while (errno = 0, (entry = readdir(dir))) {
                if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
                        continue;
                if (++w->looked > MAX_LOOKED) {
                        err_set(e, E2BIG,
                                "cannot look for sockets and fifos in '%s': it has more "
                                "than %u entries",
                                w->box_path, MAX_LOOKED);
                        return err_hint(e, "share a directory further down");
                }
                if (walk_entry(w, dirfd, entry, len, depth, e) < 0)
                        return -e->code;
        }
        return errno ? err_sys(e, "cannot list '%s%.*s'", w->box_path, (int)len, w->rest) : 0;
}

/*
 * What is writable, and what the user shared by hand.  The system's directories and a policy's
 * toolchains are too large to be walked before every run: there the table of served sockets counts.
 */
static bool is_share(const struct tree_entry *entry)
{
        if (entry->kind != TREE_BIND || entry->fd < 0 || !(entry->flags & TREE_IS_DIRECTORY))
                return false;
        return !(entry->flags & TREE_READ_ONLY) || str_has_prefix(entry->origin, "option");
}

int special_add(struct tree *t, struct err *e)
{
        size_t n = t->n_entries;

        for (size_t i = 0; i < n; i++) {
                struct walk w = { .t = t, .box_path = t->entries[i].box_path };

                if (!is_share(&t->entries[i]))
                        continue;
                if (walk_child(&w, t->entries[i].fd, ".", 0, 0, e) < 0)
                        return -e->code;
        }
        if (cover_all_served(t, e) < 0)
                return -e->code;
        return cover_host_views(t, e);
}
