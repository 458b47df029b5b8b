#include "observe-view.h"

#include "fd.h"
#include "observe-memory.h"
#include "path.h"
#include "place.h"
#include "resolve.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

/* One path of one call, as it is in the sandbox. */
struct spot {
        char path[PATH_MAX]; /* as it was named, from the root of the sandbox */
        char real[PATH_MAX]; /* clean; without symlinks where it is there */
        char host[PATH_MAX]; /* its name on the host; "": it has none */
        struct stat st;      /* only where it is there */
        int fd;              /* -1: it is not there */
        int error;           /* why not */
};

static int open_path(int root, const char *path, bool no_follow)
{
        struct open_how how = { .flags = O_PATH | O_CLOEXEC | (no_follow ? O_NOFOLLOW : 0),
                                .resolve = RESOLVE_NO_MAGICLINKS };

        /* a place inside must not be looked up on the host, whatever symlinks say */
        if (root >= 0)
                how.resolve |= RESOLVE_IN_ROOT;
        else
                root = AT_FDCWD;
        return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

void observe_view_init(struct observe_view *v)
{
        v->root = -1;
        v->is_fixed = v->plan->root == PLAN_ROOT_HOST && !v->plan->confine.may_nest_userns;
}

/*
 * By the first process that can be looked at.  That is the payload's own program: before exec it is
 * a copy of the launcher in a user namespace that the launcher does not own, and so is pid 1 for ever.
 */
bool observe_view_find_root(struct observe_view *v, pid_t pid)
{
        char path[64];

        if (v->root >= 0)
                return true;
        if (observe_read_link(pid, "ns/mnt", v->mounts, sizeof(v->mounts)) < 0)
                return false;
        snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
        v->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return v->root >= 0;
}

void observe_view_forget_root(struct observe_view *v)
{
        fd_close(&v->root);
}

/* In place: no "", "." and ".." components.  What symlinks make of ".." is not looked at. */
static void clean(char *path)
{
        char *out = path;
        char *at = path;

        while (*at) {
                size_t n = strcspn(at, "/");

                if (n == 2 && at[0] == '.' && at[1] == '.') {
                        while (out > path && *--out != '/')
                                ;
                } else if (n > 0 && !(n == 1 && at[0] == '.')) {
                        *out++ = '/';
                        memmove(out, at, n);
                        out += n;
                }
                at += n + (at[n] == '/');
        }
        if (out == path)
                *out++ = '/';
        *out = '\0';
}

static bool join(char ret[PATH_MAX], const char *base, const char *path)
{
        int n = snprintf(ret, PATH_MAX, "%s/%s", base, path);

        return n > 0 && n < PATH_MAX;
}

/* The path from the root of the sandbox, as it was named; false: it cannot be told. */
static bool name_spot(struct observe_view *v, pid_t pid, int dir, const char *path,
                      char ret[PATH_MAX])
{
        char base[PATH_MAX];
        char name[32] = "cwd";

        base[0] = '\0';

        if (!v->is_fixed) {
                if (observe_read_link(pid, "ns/mnt", base, sizeof(base)) < 0 ||
                    !str_eq(base, v->mounts))
                        return false;
                if (observe_read_link(pid, "root", base, sizeof(base)) < 0)
                        return false;
        }
        if (path[0] != '/') {
                if (dir != AT_FDCWD)
                        snprintf(name, sizeof(name), "fd/%d", dir);
                else if (v->is_fixed)
                        return observe_cwds_find(&v->cwds, pid, base) && join(ret, base, path);
                if (observe_read_link(pid, name, base, sizeof(base)) < 0 || base[0] != '/')
                        return false;
        }
        return join(ret, base, path);
}

/* The bind that is the ground under `path`, also where something is mounted on it. */
static const struct tree_entry *find_bind(const struct tree *t, const char *path)
{
        const struct tree_entry *best = NULL;

        for (size_t i = 0; i < t->n_entries; i++) {
                const struct tree_entry *entry = &t->entries[i];

                if (entry->kind == TREE_BIND && path_is_in(path, entry->box_path) &&
                    (!best || strlen(entry->box_path) >= strlen(best->box_path)))
                        best = entry;
        }
        return best;
}

/* Where on the host lies what a user means by that path of the sandbox. */
static void name_on_host(const struct observe_view *v, const char *path, char ret[PATH_MAX])
{
        const struct tree_entry *bind = find_bind(v->tree, path);
        int n = 0;

        ret[0] = '\0';
        if (bind)
                n = snprintf(ret, PATH_MAX, "%s%s", str_eq(bind->source, "/") ? "" : bind->source,
                             path + (bind->box_path[1] == '\0' ? 0 : strlen(bind->box_path)));
        else if (v->plan->root == PLAN_ROOT_HOST)
                n = snprintf(ret, PATH_MAX, "%s", path);
        if (n < 0 || n >= PATH_MAX)
                ret[0] = '\0';
}

static bool is_ground(enum tree_kind kind)
{
        return kind == TREE_BIND || kind == TREE_PIN || kind == TREE_OVERLAY;
}

/* Whether the sandbox shows there what the host, or the image, has there. */
static bool is_shown(const struct observe_view *v, const char *path)
{
        const struct tree_entry *owner = place_owner(v->tree, path);

        return owner && is_ground(owner->kind);
}

/* Whether the host's user could do that, if there were no sandbox. */
static bool can_on_host(const char *host, char access, bool no_follow)
{
        int mode = access == 'r' ? R_OK : access == 'w' ? W_OK : X_OK;
        autofd fd = host[0] ? open_path(-1, host, no_follow) : -1;
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return false;
        /* a link itself has no rights of its own */
        if (S_ISLNK(st.st_mode))
                return true;
        if (access == 'x' && S_ISDIR(st.st_mode))
                return false;
        return syscall(SYS_faccessat2, fd, "", mode, AT_EMPTY_PATH) == 0;
}

static bool can_make_on_host(const char *host)
{
        char dir[PATH_MAX];
        char *slash;

        if (!host[0])
                return false;
        snprintf(dir, sizeof(dir), "%s", host);
        slash = strrchr(dir, '/');
        if (!slash)
                return false;
        slash[slash == dir] = '\0';
        return can_on_host(dir, 'w', false);
}

/* What is kernel's own differs in every sandbox, and no option shows the host's. */
static bool is_left_out(const char *path)
{
        return path_is_in(path, "/proc") || path_is_in(path, "/sys");
}

/* What covers a directory was taken out of its own place, which the kernel says behind the name. */
static void drop_mark(const struct stat *st, char *name)
{
        static const char mark[] = " (deleted)";

        if (st->st_nlink == 0 && str_has_suffix(name, mark))
                name[strlen(name) - strlen(mark)] = '\0';
}

static void look_up(const struct observe_view *v, struct spot *s, bool no_follow)
{
        s->fd = open_path(v->root, s->path, no_follow);
        s->error = s->fd < 0 ? errno : 0;
        if (s->fd < 0 || fstat(s->fd, &s->st) < 0 ||
            !resolve_name_of(s->fd, s->real, sizeof(s->real))) {
                if (s->fd >= 0)
                        s->error = EBADF;
                fd_close(&s->fd);
                memcpy(s->real, s->path, sizeof(s->real));
                clean(s->real);
        } else {
                drop_mark(&s->st, s->real);
        }
        name_on_host(v, s->real, s->host);
}

static bool tell(const struct observe_want *want, const char *name, int error,
                 struct observe_event *ret)
{
        size_t len = strlen(name);

        *ret = (struct observe_event){
                .kind = want->kind,
                .access = want->access,
                .is_refused = error != 0,
                .error = error,
                .is_cut = len >= sizeof(ret->name),
        };
        if (ret->is_cut)
                len = sizeof(ret->name) - 1;
        memcpy(ret->name, name, len);
        return true;
}

static bool is_read_only(int fd)
{
        struct statfs fs;

        return fstatfs(fd, &fs) == 0 && ((unsigned long)fs.f_flags & ST_RDONLY) != 0;
}

/*
 * It is not there, or lies behind a cover: a refusal if the host has it, its user might have done it,
 * and it is the view that makes the difference.
 */
static bool judge_missing(const struct observe_view *v, const struct spot *s,
                          const struct observe_want *want, struct observe_event *ret)
{
        char real[PATH_MAX];
        bool is_whole_file = want->kind == OBSERVE_REMOVE || want->kind == OBSERVE_RENAME;

        if (s->error != ENOENT && s->error != EACCES && s->error != ENOTDIR)
                return false;
        if (!s->host[0] || is_left_out(s->real))
                return false;
        autofd fd = open_path(-1, s->host, want->no_follow);
        if (fd < 0 || !can_on_host(s->host, want->access, want->no_follow) ||
            (is_whole_file && !can_make_on_host(s->host)) ||
            !resolve_name_of(fd, real, sizeof(real)))
                return false;
        if (!is_shown(v, s->real))
                tell(want, s->real, s->error, ret);
        else if (v->plan->root == PLAN_ROOT_HOST && !is_shown(v, real) && !is_left_out(real))
                tell(want, real, s->error, ret);
        else
                return false;
        ret->is_hidden = true;
        return true;
}

/* Covers are empty files and directories of mode 0, or, of what a file cannot cover, a null device. */
static bool is_cover(const struct observe_view *v, const struct spot *s)
{
        const struct tree_entry *entry;

        if ((s->st.st_mode & 07777) != 0 && !S_ISCHR(s->st.st_mode))
                return false;
        entry = place_find(v->tree, s->real);
        return entry && entry->kind == TREE_EMPTY;
}

/* Nodes, pipes and sockets can be written on any mount; see sb_permission() of the kernel. */
static bool is_kept_by_mount(const struct stat *st)
{
        return S_ISREG(st->st_mode) || S_ISDIR(st->st_mode) || S_ISLNK(st->st_mode);
}

/*
 * Of what is allowed, as it was asked for: who is to be shown it again needs the symlinks on the way,
 * too.  Behind ".." the words alone do not tell where that is.
 */
static const char *name_of(const struct spot *s)
{
        return strstr(s->path, "/..") ? s->real : s->path;
}

static bool judge_content(const struct observe_view *v, const struct spot *s,
                          const struct observe_want *want, struct observe_event *ret)
{
        int error = 0;

        if (is_cover(v, s))
                error = EACCES;
        else if (want->access == 'w' && is_kept_by_mount(&s->st) && is_read_only(s->fd))
                error = EROFS;
        if (error != 0)
                return !want->looks && !is_left_out(s->real) &&
                       can_on_host(s->host, want->access, false) && tell(want, s->real, error, ret);
        return v->keeps_allowed && !want->looks && tell(want, name_of(s), 0, ret);
}

/* "/a/b//" to "/a" and "b"; false where the last component is none that can be made or removed. */
static bool split(const char *path, char dir[PATH_MAX], char name[NAME_MAX + 1])
{
        size_t len = strlen(path);
        size_t start;

        while (len > 1 && path[len - 1] == '/')
                len--;
        for (start = len; start > 0 && path[start - 1] != '/'; start--)
                ;
        if (len == start || len - start > NAME_MAX)
                return false;
        memcpy(name, path + start, len - start);
        name[len - start] = '\0';
        memcpy(dir, path, start);
        dir[start] = '\0';
        return !str_eq(name, ".") && !str_eq(name, "..");
}

/* A name that comes, goes or changes hands: it is its directory's that decides. */
static bool judge_name(const struct observe_view *v, const struct spot *s,
                       const struct observe_want *want, struct observe_event *ret)
{
        struct spot dir = { .fd = -1 };
        char name[NAME_MAX + 1];
        char whole[PATH_MAX];
        bool found;

        if (!split(s->path, dir.path, name))
                return false;
        look_up(v, &dir, false);
        autofd fd = dir.fd;
        if (fd < 0) {
                struct observe_want in_dir = *want;

                in_dir.no_follow = false;
                found = judge_missing(v, &dir, &in_dir, ret);
                /* what need not be made may be there, where not even its directory is */
                if (!found && want->may_make) {
                        in_dir.kind = OBSERVE_OPEN;
                        return judge_missing(v, s, &in_dir, ret);
                }
                if (!found || !join(whole, ret->name, name))
                        return false;
                clean(whole);
                return tell(want, whole, dir.error, ret) && (ret->is_hidden = true);
        }
        if (!join(whole, dir.real, name))
                return false;
        clean(whole);
        name_on_host(v, whole, dir.host);
        const struct tree_entry *mount = place_find(v->tree, whole);
        int error = is_read_only(fd) || is_cover(v, &dir) ? EROFS : 0;
        if (error == 0 && s->fd >= 0 && mount && mount->kind != TREE_DIR &&
            mount->kind != TREE_SYMLINK)
                error = EBUSY;
        if (error != 0)
                return !is_left_out(whole) && can_make_on_host(dir.host) &&
                       tell(want, whole, error, ret);
        return v->keeps_allowed && tell(want, whole, 0, ret);
}

static bool judge_change(const struct observe_view *v, const struct spot *s,
                         const struct observe_want *want, struct observe_event *ret)
{
        struct stat st;

        if (is_read_only(s->fd))
                return s->host[0] && !is_left_out(s->real) &&
                       fstatat(AT_FDCWD, s->host, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                       st.st_uid == getuid() && tell(want, s->real, EROFS, ret);
        return v->keeps_allowed && tell(want, name_of(s), 0, ret);
}

static bool judge(const struct observe_view *v, const struct spot *s,
                  const struct observe_want *want, struct observe_event *ret)
{
        switch (want->kind) {
        case OBSERVE_CREATE:
                /* "it exists" comes before everything else */
                return s->fd < 0 && judge_name(v, s, want, ret);
        case OBSERVE_REMOVE:
        case OBSERVE_RENAME:
                return s->fd >= 0 || want->may_make ? judge_name(v, s, want, ret)
                                                    : judge_missing(v, s, want, ret);
        case OBSERVE_CHANGE:
                return s->fd >= 0 ? judge_change(v, s, want, ret) : judge_missing(v, s, want, ret);
        case OBSERVE_OPEN:
        case OBSERVE_EXECUTE:
        case OBSERVE_SOCKET:
        case OBSERVE_HOST:
        case OBSERVE_SYSCALL:
                break;
        }
        if (s->fd >= 0)
                return judge_content(v, s, want, ret);
        if (want->may_make && s->error == ENOENT) {
                struct observe_want make = *want;

                make.kind = OBSERVE_CREATE;
                return judge_name(v, s, &make, ret);
        }
        return judge_missing(v, s, want, ret);
}

/* Of all that a verdict depends on: to look at a cover is fine, and to open it is not. */
static uint64_t hash_of(const char *path, const struct observe_want *want)
{
        uint64_t hash = UINT64_C(0xcbf29ce484222325) + (uint64_t)want->kind * 8 +
                        (uint64_t)want->access * 128 + want->looks * 4u + want->no_follow * 2u +
                        want->may_make;

        for (; *path; path++)
                hash = (hash ^ (unsigned char)*path) * UINT64_C(0x100000001b3);
        return hash;
}

bool observe_view_look(struct observe_view *v, pid_t pid, int dir, const char *path,
                       const struct observe_want *want, struct observe_event *ret)
{
        struct spot s = { .fd = -1 };

        if (!path[0] || v->root < 0 || !name_spot(v, pid, dir, path, s.path))
                return false;
        uint64_t hash = hash_of(s.path, want);
        if (!v->keeps_allowed && observe_fine_has(&v->fine, hash))
                return false;
        look_up(v, &s, want->no_follow);
        bool is_event = judge(v, &s, want, ret);
        fd_close(&s.fd);
        if (!is_event)
                observe_fine_keep(&v->fine, hash);
        return is_event;
}

bool observe_view_look_socket(struct observe_view *v, pid_t pid, const char *path,
                              struct observe_event *ret)
{
        const struct observe_want want = { .kind = OBSERVE_SOCKET, .access = 'w' };
        struct spot s = { .fd = -1 };
        struct stat st;

        if (!path[0] || v->root < 0 || !name_spot(v, pid, AT_FDCWD, path, s.path))
                return false;
        look_up(v, &s, false);
        autofd fd = s.fd;
        if (fd >= 0 && !is_cover(v, &s))
                return v->keeps_allowed && tell(&want, s.real, 0, ret);
        /* a socket file that nobody serves any more is refused on the host, too */
        if (!s.host[0] || stat(s.host, &st) < 0 || !S_ISSOCK(st.st_mode))
                return false;
        if (fd < 0)
                return judge_missing(v, &s, &want, ret);
        return can_on_host(s.host, 'w', false) && tell(&want, s.real, EACCES, ret);
}
