#include "erase.h"

#include "fd.h"
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Each level takes two descriptors.  What lies deeper than this is moved up to the top first, and
 * removed from there in another round.
 */
#define DEEPEST 50

struct eraser {
        int top;
        int dir;
        unsigned depth;
        unsigned *n_moved;
};

static int failed(const char *name, struct err *e)
{
        return err_sys(e, "cannot remove '%.100s'", name);
}

/* Nobody else is at work here: a directory is still one when it is opened. */
static int open_to_erase(int dir, const char *name)
{
        struct stat st;

        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -1;
        if (!S_ISDIR(st.st_mode)) {
                errno = ENOTDIR;
                return -1;
        }
        if ((st.st_mode & S_IRWXU) != S_IRWXU && fchmodat(dir, name, S_IRWXU, 0) < 0)
                return -1;
        return openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int move_up(const struct eraser *x, const char *name, struct err *e)
{
        char moved[NAME_MAX + 1];

        for (;;) {
                snprintf(moved, sizeof(moved), "moved.%u", (*x->n_moved)++);
                if (renameat2(x->dir, name, x->top, moved, RENAME_NOREPLACE) == 0)
                        return 0;
                if (errno != EEXIST)
                        return failed(name, e);
        }
}

static int erase_entry(void *context, const char *name, struct err *e)
{
        const struct eraser *x = context;

        if (unlinkat(x->dir, name, 0) == 0 || errno == ENOENT)
                return 0;
        if (errno != EISDIR && errno != EPERM)
                return failed(name, e);
        int why = errno;
        autofd fd = open_to_erase(x->dir, name);
        /* no directory: what kept it is what counts, as in one of somebody else's with a sticky bit */
        if (fd < 0 && errno == ENOTDIR)
                errno = why;
        if (fd < 0)
                return failed(name, e);
        if (x->depth == DEEPEST)
                return move_up(x, name, e);
        struct eraser below = {
                .top = x->top >= 0 ? x->top : fd,
                .dir = fd,
                .depth = x->depth + 1,
                .n_moved = x->n_moved,
        };
        /* what was moved up may not have been in the list that was begun before */
        for (unsigned before = *x->n_moved;;) {
                if (store_list(fd, erase_entry, &below, e) < 0)
                        return -e->code;
                if (unlinkat(x->dir, name, AT_REMOVEDIR) == 0)
                        return 0;
                if (errno != ENOTEMPTY || before == *x->n_moved)
                        return failed(name, e);
                before = *x->n_moved;
        }
}

int erase_tree(int dir, const char *name, struct err *e)
{
        unsigned n_moved = 0;
        struct eraser x = { .top = -1, .dir = dir, .n_moved = &n_moved };

        return erase_entry(&x, name, e);
}
