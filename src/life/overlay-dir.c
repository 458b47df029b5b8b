#include "overlay-dir.h"

#include "erase.h"
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
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX      "kelp-overlay-"
#define LOCK        "lock"
#define MAX_TRIES   20
#define MAX_REMOVED 50 /* left-overs of other runs, each time */

/* A left-over: of this user, with the lock free.  Anything else is left alone. */
static void sweep_one(int parent, const char *name)
{
        autofd dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct err unused = { 0 };
        struct stat st;

        if (dir < 0 || fstat(dir, &st) < 0 || st.st_uid != geteuid())
                return;
        autofd lock = io_take_lock(dir, LOCK);
        /* what cannot be removed now will be met again */
        if (lock >= 0)
                (void)erase_tree(parent, name, &unused);
}

static void sweep(int parent)
{
        int fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        autodir *dir = fd_take_dir(&fd);
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

        if (!asked || asked[0] == '\0')
                return "/var/tmp";
        if (asked[0] != '/') {
                err_set(e, EINVAL, "'%s' of TMPDIR is not an absolute path", asked);
                return NULL;
        }
        autofree char *real = realpath(asked, NULL);
        if (!real) {
                err_sys(e, "cannot use '%s' of TMPDIR", asked);
                return NULL;
        }
        return arena_copy(a, real, e);
}

/* A new name, and its lock before anybody else has it. */
static int make_one(struct arena *a, int parent, struct overlay_dir *ret, struct err *e)
{
        uint64_t number;
        struct stat st;

        if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
                return err_sys(e, "cannot get random bytes");
        ret->name = arena_print(a, e, PREFIX "%016llx", (unsigned long long)number);
        if (!ret->name)
                return -e->code;
        if (mkdirat(parent, ret->name, 0700) < 0)
                return err_sys(e, "cannot make a directory");
        autofd dir = openat(parent, ret->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        /* without its lock it is a left-over to another run that begins now */
        if (dir < 0 && errno == ENOENT)
                return err_set(e, EAGAIN, "'%s' was taken away", ret->name);
        if (dir < 0 || fstat(dir, &st) < 0)
                return err_sys(e, "cannot open '%s'", ret->name);
        ret->lock = io_take_lock(dir, LOCK);
        if (ret->lock < 0)
                return err_set(e, EAGAIN, "cannot lock '%s'", ret->name);
        ret->dev = st.st_dev;
        ret->ino = st.st_ino;
        return 0;
}

static int make(struct arena *a, int parent, struct overlay_dir *ret, struct err *e)
{
        int r = -EAGAIN;

        sweep(parent);
        for (int i = 0; i < MAX_TRIES && r == -EAGAIN; i++) {
                *e = (struct err){ .step = e->step };
                r = make_one(a, parent, ret, e);
        }
        if (r < 0)
                return r;
        ret->path = path_join(a, ret->parent, ret->name, e);
        return ret->path ? 0 : -e->code;
}

int overlay_dir_make(struct arena *a, struct overlay_dir *ret, struct err *e)
{
        struct overlay_dir dir = OVERLAY_DIR_NONE;

        dir.parent = choose_parent(a, e);
        if (!dir.parent)
                return err_hint(e, "set TMPDIR to a directory that you may write to");
        autofd parent = open(dir.parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (parent < 0)
                err_sys(e, "cannot open '%s'", dir.parent);
        else if (make(a, parent, &dir, e) < 0)
                err_prefix(e, "no room in '%s' for what the sandbox writes", dir.parent);
        if (e->code != 0) {
                fd_close(&dir.lock);
                return err_hint(e, "set TMPDIR to a directory that you may write to");
        }
        *ret = dir;
        return 0;
}

static int remove_tree(const struct overlay_dir *dir, struct err *e)
{
        autofd parent = open(dir->parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct stat st;

        if (parent < 0 || fstatat(parent, dir->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return err_sys(e, "cannot find it");
        if (st.st_dev != dir->dev || st.st_ino != dir->ino)
                return err_set(e, ESTALE, "it is another one by now");
        return erase_tree(parent, dir->name, e);
}

int overlay_dir_remove(struct overlay_dir *dir, struct err *e)
{
        int r = 0;

        if (dir->path && remove_tree(dir, e) < 0)
                r = err_prefix(e, "cannot remove '%s'", dir->path);
        fd_close(&dir->lock);
        dir->path = NULL;
        return r;
}
