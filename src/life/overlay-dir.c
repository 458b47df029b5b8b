#include "overlay-dir.h"

#include "fd.h"
#include "io.h"
#include "path.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX      "kelp-overlay-"
#define MAX_TRIES   20
#define MAX_DEPTH   100 /* each level holds a descriptor; what is deeper is moved up */
#define MAX_REMOVED 50  /* left-overs of other runs, each time */

/* What a payload made: of any depth, with any modes.  All of it belongs to this user. */
struct erase {
        int top;
        size_t n_moved; /* directories that were too deep, now in `top` */
};

static int erase_inside(struct erase *w, int fd, int depth, struct err *e);

/* By its owner the mode of a directory can be changed, whatever it is. */
static int open_to_erase(int parent, const char *name, struct err *e)
{
        const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
        int fd = openat(parent, name, flags);

        if (fd < 0 && errno == EACCES && fchmodat(parent, name, 0700, 0) == 0)
                fd = openat(parent, name, flags);
        if (fd < 0)
                return err_sys(e, "cannot open '%s'", name);
        if (fchmod(fd, 0700) < 0) {
                err_sys(e, "cannot set the mode of '%s'", name);
                fd_close(&fd);
                return -e->code;
        }
        return fd;
}

static int move_up(struct erase *w, int parent, const char *name, struct err *e)
{
        char moved[32];

        snprintf(moved, sizeof(moved), "moved-%zu", w->n_moved++);
        if (renameat(parent, name, w->top, moved) < 0)
                return err_sys(e, "cannot move '%s'", name);
        return 0;
}

static int erase_directory(struct erase *w, int parent, const char *name, int depth, struct err *e)
{
        int fd = open_to_erase(parent, name, e);

        if (fd < 0)
                return -e->code;
        if (depth >= MAX_DEPTH) {
                fd_close(&fd);
                return move_up(w, parent, name, e);
        }
        if (erase_inside(w, fd, depth + 1, e) < 0)
                return -e->code;
        if (unlinkat(parent, name, AT_REMOVEDIR) < 0)
                return err_sys(e, "cannot remove '%s'", name);
        return 0;
}

/* Takes `fd`.  What is no directory goes by its name, and is never opened or followed. */
static int erase_inside(struct erase *w, int fd, int depth, struct err *e)
{
        autodir *dir = fdopendir(fd);
        struct dirent *entry;

        if (!dir) {
                err_sys(e, "cannot list a directory of an overlay");
                fd_close(&fd);
                return -e->code;
        }
        while (errno = 0, (entry = readdir(dir))) {
                const char *name = entry->d_name;

                if (str_eq(name, ".") || str_eq(name, ".."))
                        continue;
                if (unlinkat(fd, name, 0) == 0)
                        continue;
                if (errno != EISDIR && errno != EPERM)
                        return err_sys(e, "cannot remove '%s'", name);
                if (erase_directory(w, fd, name, depth, e) < 0)
                        return -e->code;
        }
        return errno ? err_sys(e, "cannot list a directory of an overlay") : 0;
}

/* Until a pass over it has found nothing that had to be moved. */
static int erase_tree(int parent, const char *name, struct err *e)
{
        struct erase w = { .top = -1 };
        size_t n;

        do {
                autofd top = open_to_erase(parent, name, e);

                if (top < 0)
                        return -e->code;
                n = w.n_moved;
                w.top = top;
                int fd = fcntl(top, F_DUPFD_CLOEXEC, 3);
                if (fd < 0)
                        return err_sys(e, "cannot open '%s'", name);
                if (erase_inside(&w, fd, 0, e) < 0)
                        return -e->code;
        } while (w.n_moved > n);
        if (unlinkat(parent, name, AT_REMOVEDIR) < 0)
                return err_sys(e, "cannot remove '%s'", name);
        return 0;
}

/* Whether `fd` is still what has the name: who removed a left-over may have held the lock before. */
static bool is_named(int parent, const char *name, int fd)
{
        struct stat st;
        struct stat own;

        return fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &own) == 0 &&
               st.st_dev == own.st_dev && st.st_ino == own.st_ino;
}

/* A left-over: of this user, with the lock free.  Anything else is left alone. */
static void sweep_one(int parent, const char *name)
{
        autofd fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct err unused = { 0 };
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0 || st.st_uid != geteuid() ||
            io_lock(fd, LOCK_EX | LOCK_NB) < 0 || !is_named(parent, name, fd))
                return;
        /* what cannot be removed now will be met again */
        (void)erase_tree(parent, name, &unused);
}

static void sweep(int parent)
{
        int fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        autodir *dir = fd < 0 ? NULL : fdopendir(fd);
        struct dirent *entry;
        size_t n = 0;

        while (dir && n < MAX_REMOVED && (entry = readdir(dir))) {
                if (!str_has_prefix(entry->d_name, PREFIX))
                        continue;
                sweep_one(parent, entry->d_name);
                n++;
        }
}

static const char *choose_parent(struct arena *a, struct err *e)
{
        const char *asked = getenv("TMPDIR");

        if (!asked || asked[0] != '/')
                return "/var/tmp";
        autofree char *real = realpath(asked, NULL);
        if (!real) {
                err_sys(e, "cannot use '%s' of TMPDIR", asked);
                return NULL;
        }
        return arena_copy(a, real, e);
}

/* A new name, and its lock before anybody else has it. */
static int make_one(struct arena *a, struct overlay_dir *dir, struct err *e)
{
        uint64_t number;

        if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
                return err_sys(e, "cannot get random bytes");
        dir->name = arena_print(a, e, PREFIX "%016llx", (unsigned long long)number);
        if (!dir->name)
                return -e->code;
        if (mkdirat(dir->parent, dir->name, 0700) < 0)
                return err_sys(e, "cannot make a directory");
        dir->fd = openat(dir->parent, dir->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (dir->fd < 0)
                return err_sys(e, "cannot open '%s'", dir->name);
        if (io_lock(dir->fd, LOCK_EX | LOCK_NB) < 0 || !is_named(dir->parent, dir->name, dir->fd)) {
                fd_close(&dir->fd);
                return err_set(e, EAGAIN, "cannot lock '%s'", dir->name);
        }
        return 0;
}

int overlay_dir_make(struct arena *a, struct overlay_dir *ret, struct err *e)
{
        struct overlay_dir dir = OVERLAY_DIR_NONE;
        const char *parent = choose_parent(a, e);

        if (!parent)
                return -e->code;
        dir.parent = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (dir.parent < 0) {
                err_sys(e, "cannot open '%s'", parent);
                return err_hint(e, "set TMPDIR to a directory that you may write to");
        }
        sweep(dir.parent);
        int r = -EAGAIN;
        for (int i = 0; i < MAX_TRIES && r == -EAGAIN; i++) {
                *e = (struct err){ .step = e->step };
                r = make_one(a, &dir, e);
        }
        if (r == 0) {
                dir.path = path_join(a, parent, dir.name, e);
                r = dir.path ? 0 : -e->code;
        }
        if (r < 0) {
                struct err unused = { 0 };

                err_prefix(e, "no room in '%s' for what the sandbox writes", parent);
                (void)overlay_dir_remove(&dir, &unused);
                return err_hint(e, "set TMPDIR to a directory that you may write to");
        }
        *ret = dir;
        return 0;
}

int overlay_dir_remove(struct overlay_dir *dir, struct err *e)
{
        int r = 0;

        if (dir->fd >= 0)
                r = erase_tree(dir->parent, dir->name, e);
        if (r < 0 && dir->path)
                err_prefix(e, "cannot remove '%s'", dir->path);
        fd_close(&dir->fd);
        fd_close(&dir->parent);
        dir->path = NULL;
        return r;
}
