#include "walk.h"

#include "fd.h"
#include "path.h"
#include "place.h"
#include "resolve.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_LOOKED 1000000u
/* of all shares: there may be thousands of them */
#define MAX_LOOKED_ALL (4 * MAX_LOOKED)
#define MAX_DEPTH      256
/* of a path in a message, which has a hint with two more */
#define SHORT_PATH 120

bool walk_is_out_of_reach(int code)
{
        return code == ENOENT || code == ENOTDIR || code == ELOOP || code == EACCES ||
               code == ENOTCONN || code == ESTALE || code == EIO;
}

struct walk {
        const struct plan *p;
        const struct tree *t;
        const struct tree_entry *share;
        struct walk_found *found;
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
        else if (!walk_is_out_of_reach(errno))
                return err_sys(e, "cannot stat '%s'", entry->d_name);
        return 0;
}

/* `name` of `dirfd` is at w->rest, and goes into the list as what it is now. */
static int note_special(struct walk *w, int dirfd, const char *name, const char *origin,
                        struct err *e)
{
        struct walk_found *f = w->found;
        char *path = arena_print(&f->arena, e, "%s%s", w->share->box_path, w->rest);
        struct stat st;

        if (!path)
                return -e->code;
        /* where something else is mounted this one cannot be seen */
        if (place_owner(w->t, path) != w->share)
                return 0;
        if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return walk_is_out_of_reach(errno) ? 0 : err_sys(e, "cannot stat '%s'", path);
        if (arena_grow(&f->arena, &f->specials, f->n_specials, sizeof(*f->specials),
                       TREE_MAX_ENTRIES, "sockets and fifos to cover", e) < 0)
                return -e->code;
        /* in an overlay it is another object, and none that leads to who serves it */
        if (w->share->flags & TREE_OVERLAID)
                st = (struct stat){ 0 };
        f->specials[f->n_specials++] = (struct walk_special){
                .box_path = path, .origin = origin, .dev = st.st_dev, .ino = st.st_ino
        };
        return 0;
}

/* What its owner cannot list now he can open from inside, and then reach what is in it. */
static bool is_closed_own(int dirfd, const char *name)
{
        struct stat st;

        return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode) &&
               st.st_uid == geteuid();
}

/* Looks into what can be listed: what the user can never list, the payload cannot either. */
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
        if (errno == EACCES && len > 0 && !(w->share->flags & TREE_READ_ONLY) &&
            is_closed_own(dirfd, name))
                return note_special(w, dirfd, name, "closed directory", e);
        if (walk_is_out_of_reach(errno))
                return 0;
        return err_sys(e, "cannot look for sockets and fifos in '%s%.*s'", w->share->box_path,
                       (int)len, w->rest);
}

/* Of a directory at w->rest, `len` bytes, that has a `.git`.  The share's own is known without. */
static int note_repo(struct walk *w, size_t len, unsigned char type, struct err *e)
{
        struct walk_found *f = w->found;
        char box_path[2 * PATH_MAX];

        if (len == 0 || (w->share->flags & TREE_READ_ONLY) ||
            (type != DT_DIR && type != DT_REG && type != DT_LNK))
                return 0;
        /* where something else is mounted this one cannot be seen */
        snprintf(box_path, sizeof(box_path), "%s%.*s/.git", w->share->box_path, (int)len, w->rest);
        if (place_owner(w->t, box_path) != w->share)
                return 0;
        if (f->n_repos >= WALK_MAX_REPOS) {
                f->n_more_repos++;
                return 0;
        }
        char *dir = arena_copy_n(&f->arena, w->rest + 1, len - 1, e);
        if (!dir || arena_grow(&f->arena, &f->repos, f->n_repos, sizeof(*f->repos), WALK_MAX_REPOS,
                               "repositories", e) < 0)
                return -e->code;
        f->repos[f->n_repos++] = (struct walk_repo){ type == DT_DIR, w->share->fd, dir };
        return 0;
}

/*
 * The directory at w->rest, `len` bytes, is one that cannot be looked through: no error where
 * something else is mounted on the way, which is what --hide does.  The hint has the top of it, which
 * can be typed, as --hide has it: by the host's name, but in an image by the box's.
 */
static int refuse(const struct walk *w, size_t len, int code, int limit, const char *unit,
                  struct err *e)
{
        int top = (int)(1 + strcspn(w->rest + 1, "/"));
        char path[2 * PATH_MAX];
        char shown[SHORT_PATH];
        char host_top[2 * PATH_MAX];
        char shown_top[SHORT_PATH];

        snprintf(path, sizeof(path), "%s%.*s", w->share->box_path, (int)len, w->rest);
        if (place_owner(w->t, path) != w->share)
                return 0;
        err_set(e, code, "cannot look for sockets and fifos below %d %s: '%s'", limit, unit,
                path_shorten(path, shown, sizeof(shown)));
        snprintf(host_top, sizeof(host_top), "%s%.*s", w->share->source, top, w->rest);
        snprintf(path, sizeof(path), "%s%.*s", w->share->box_path, top, w->rest);
        return err_hint(e, "remove what is so deep in '%s', or run with --hide '%s'",
                        path_shorten(host_top, shown_top, sizeof(shown_top)),
                        path_shorten(w->p->root == PLAN_ROOT_IMAGE ? path : host_top, shown,
                                     sizeof(shown)));
}

static int walk_entry(struct walk *w, int dirfd, const struct dirent *entry, size_t len, int depth,
                      struct err *e)
{
        size_t name_len = strlen(entry->d_name);
        unsigned char type;

        if (find_type(dirfd, entry, &type, e) < 0)
                return -e->code;
        if (str_eq(entry->d_name, ".git") && note_repo(w, len, type, e) < 0)
                return -e->code;
        if (type != DT_DIR && type != DT_SOCK && type != DT_FIFO)
                return 0;
        if (len + name_len + 2 > sizeof(w->rest))
                return refuse(w, len, ENAMETOOLONG, PATH_MAX, "bytes of path", e);
        w->rest[len] = '/';
        memcpy(w->rest + len + 1, entry->d_name, name_len + 1);
        if (type == DT_DIR)
                return walk_child(w, dirfd, entry->d_name, len + 1 + name_len, depth + 1, e);
        return note_special(w, dirfd, entry->d_name, type == DT_FIFO ? "fifo" : "socket", e);
}

static int count_entry(struct walk *w, struct err *e)
{
        if (++w->looked > MAX_LOOKED) {
                err_set(e, E2BIG,
                        "cannot look for sockets and fifos in '%s': it has more than %u entries",
                        w->share->box_path, MAX_LOOKED);
                return err_hint(e, "share a directory further down");
        }
        if (++w->found->looked > MAX_LOOKED_ALL) {
                err_set(e, E2BIG,
                        "cannot look for sockets and fifos in '%s': all that is shared has more "
                        "than %u entries",
                        w->share->box_path, MAX_LOOKED_ALL);
                return err_hint(e, "share less, or directories further down");
        }
        return 0;
}

/* Takes `dirfd`. */
static int walk_dir(struct walk *w, int dirfd, size_t len, int depth, struct err *e)
{
        int fd = dirfd;
        autodir *dir = fd_take_dir(&fd);
        struct dirent *entry;

        if (!dir)
                return err_sys(e, "cannot list '%s%.*s'", w->share->box_path, (int)len, w->rest);
        if (depth > MAX_DEPTH)
                return refuse(w, len, ELOOP, MAX_DEPTH, "directories in one another", e);
        while (errno = 0, (entry = readdir(dir))) {
                if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
                        continue;
                if (count_entry(w, e) < 0)
                        return -e->code;
                if (walk_entry(w, dirfd, entry, len, depth, e) < 0)
                        return -e->code;
        }
        return errno ? err_sys(e, "cannot list '%s%.*s'", w->share->box_path, (int)len, w->rest)
                     : 0;
}

/*
 * What is writable, and what the user shared by hand.  A cache of kelp's own has only what other
 * sandboxes left in it, and may have more files than can be looked at before every run.  The
 * system's directories and a policy's toolchains are too large to be walked before every run: there
 * the table of served sockets counts.
 */
static bool is_share(const struct tree_entry *entry)
{
        if (entry->kind != TREE_BIND || entry->fd < 0 || !(entry->flags & TREE_IS_DIRECTORY) ||
            entry->flags & (TREE_IS_CACHE | TREE_SCRATCH))
                return false;
        return !(entry->flags & TREE_READ_ONLY) || str_has_prefix(entry->origin, "option");
}

int walk_shares(const struct plan *p, const struct tree *t, struct walk_found *ret, struct err *e)
{
        for (size_t i = 0; i < t->n_entries; i++) {
                struct walk w = { .p = p, .t = t, .share = &t->entries[i], .found = ret };

                if (is_share(w.share) && walk_child(&w, w.share->fd, ".", 0, 0, e) < 0)
                        return -e->code;
        }
        return 0;
}

void walk_found_done(struct walk_found *found)
{
        arena_done(&found->arena);
        *found = (struct walk_found){ 0 };
}
