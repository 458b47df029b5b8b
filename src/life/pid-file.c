#include "pid-file.h"

#include "fd.h"
#include "io.h"
#include "log.h"
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_TEXT 32 /* of any number with a newline */

static bool is_same_file(const struct stat *a, const struct stat *b)
{
        return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* What is overlaid counts, too: a review may be applied while the file is there. */
static const struct tree_entry *find_writable(const struct tree *t, const struct stat *st)
{
        for (size_t i = 0; i < t->n_entries; i++) {
                const struct tree_entry *entry = &t->entries[i];

                if (entry->kind == TREE_BIND && !(entry->flags & TREE_READ_ONLY) &&
                    entry->dev == st->st_dev && entry->ino == st->st_ino)
                        return entry;
        }
        return NULL;
}

/*
 * By what the directories above are, not by what they are called.  A writable one that a read-only
 * one lies in counts, whatever covers it: the sandbox may know another way to it.
 */
static int judge_place(int dir, const char *path, const struct tree *t, struct err *e)
{
        autofd at = openat(dir, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct stat st;
        struct stat above;

        if (at < 0 || fstat(at, &st) < 0)
                return err_sys(e, "cannot look at the directory of the pidfile '%s'", path);
        for (;;) {
                const struct tree_entry *entry = find_writable(t, &st);

                if (entry) {
                        err_set(e, EPERM,
                                "the sandbox could write the pidfile '%s': '%s' is writable in it",
                                path, entry->source);
                        return err_hint(e, "choose a directory that the sandbox cannot write, "
                                           "like $XDG_RUNTIME_DIR");
                }
                autofd up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
                if (up < 0 || fstat(up, &above) < 0)
                        return err_sys(e, "cannot look at what is above the pidfile '%s'", path);
                if (is_same_file(&st, &above))
                        return 0;
                st = above;
                fd_close(&at);
                at = fd_take(&up);
        }
}

/* Not what somebody has typed here by mistake, like the name of a program. */
static bool is_number(int fd)
{
        char text[MAX_TEXT + 1];
        ssize_t n = io_read_at(fd, text, sizeof(text), 0);

        if (n < 0 || n > MAX_TEXT)
                return false;
        for (ssize_t i = 0; i < n; i++) {
                if ((text[i] < '0' || text[i] > '9') && (text[i] != '\n' || i != n - 1))
                        return false;
        }
        return true;
}

static int fail_taken(const char *path, struct err *e)
{
        err_set(e, EBUSY, "the pidfile '%s' belongs to a run that goes on", path);
        return err_hint(e, "give each run a pidfile of its own");
}

/* With the lock of the old one held, so that of several who find it one replaces it. */
static int remove_stale(int dir, const char *path, struct err *e)
{
        const char *name = path_base(path);
        autofd old = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        struct stat st;
        struct stat now;

        if (old < 0 && errno == ENOENT)
                return 0;
        if (old < 0 || fstat(old, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
            !is_number(old)) {
                err_set(e, EEXIST, "'%s' is there and is no pidfile of yours", path);
                return err_hint(e, "choose another name, or remove it");
        }
        if (flock(old, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? fail_taken(path, e)
                                            : err_sys(e, "cannot lock the pidfile '%s'", path);
        if (fstatat(dir, name, &now, AT_SYMLINK_NOFOLLOW) < 0 || !is_same_file(&st, &now))
                return fail_taken(path, e);
        if (unlinkat(dir, name, 0) < 0)
                return err_sys(e, "cannot replace the pidfile '%s'", path);
        return 0;
}

static int link_new(int dir, const char *from, const char *path, struct err *e)
{
        const char *name = path_base(path);

        if (linkat(dir, from, dir, name, 0) == 0)
                return 0;
        if (errno != EEXIST)
                return err_sys(e, "cannot make the pidfile '%s'", path);
        if (remove_stale(dir, path, e) < 0)
                return -e->code;
        if (linkat(dir, from, dir, name, 0) == 0)
                return 0;
        return errno == EEXIST ? fail_taken(path, e)
                               : err_sys(e, "cannot make the pidfile '%s'", path);
}

/* Written and locked under another name first. */
static int make_whole(struct pid_file *p, struct err *e)
{
        char from[32];
        char text[MAX_TEXT];
        uint64_t random;

        if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
                return err_sys(e, "cannot get random bytes");
        snprintf(from, sizeof(from), ".kelp-pid-%016" PRIx64, random);
        p->fd = openat(p->dir, from, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (p->fd < 0) {
                int code = err_sys(e, "cannot make the pidfile '%s'", p->path);

                if (code == -EACCES || code == -EROFS)
                        err_hint(e, "choose a directory that is yours, like $XDG_RUNTIME_DIR");
                return code;
        }
        snprintf(text, sizeof(text), "%d\n", getpid());
        int code = io_write_all(p->fd, text, strlen(text), p->path, e);
        if (code == 0 && flock(p->fd, LOCK_EX | LOCK_NB) < 0)
                code = err_sys(e, "cannot lock the pidfile '%s'", p->path);
        if (code == 0)
                code = link_new(p->dir, from, p->path, e);
        unlinkat(p->dir, from, 0);
        return code;
}

static int open_directory(const char *path, struct err *e)
{
        struct arena arena = { 0 };
        const char *parent = path_parent(&arena, path, e);
        int dir = -1;

        if (parent) {
                dir = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
                if (dir < 0)
                        err_sys(e, "cannot open '%s', where the pidfile is to be", parent);
        }
        arena_done(&arena);
        return dir;
}

int pid_file_make(const char *path, const struct tree *t, struct pid_file *ret, struct err *e)
{
        struct pid_file made = { .fd = -1, .path = path };

        if (!path)
                return 0;
        autofd dir = open_directory(path, e);
        if (dir < 0 || judge_place(dir, path, t, e) < 0)
                return -e->code;
        made.dir = dir;
        if (make_whole(&made, e) < 0) {
                fd_close(&made.fd);
                return -e->code;
        }
        made.dir = fd_take(&dir);
        *ret = made;
        return 0;
}

void pid_file_done(struct pid_file *p)
{
        struct stat ours;
        struct stat now;
        struct err lost = { 0 };

        if (p->fd >= 0 && fstat(p->fd, &ours) == 0 &&
            fstatat(p->dir, path_base(p->path), &now, AT_SYMLINK_NOFOLLOW) == 0 &&
            is_same_file(&ours, &now) && unlinkat(p->dir, path_base(p->path), 0) < 0) {
                err_sys(&lost, "cannot remove the pidfile '%s', ignoring", p->path);
                log_err(&lost);
        }
        fd_close(&p->fd);
        fd_close(&p->dir);
}
