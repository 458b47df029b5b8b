#include "erase.h"

#include "fd.h"
#include "str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Each level takes two descriptors.  What lies deeper than this is moved up to the top first, and
 * removed from there in another round.
 */
#define DEEPEST 50

struct eraser {
        int top; /* the directory of the tree; -1: we are not in it yet */
        int dir;
        unsigned depth;
        unsigned *n_moved;
};

static int erase_entry(const struct eraser *x, const char *name, struct err *e);

static int failed(const char *name, struct err *e)
{
        return err_sys(e, "cannot remove '%.100s'", name);
}

/* Who may not read a directory of his own changes its mode without opening it. */
static int open_to_erase(int dir, const char *name)
{
        const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
        autofd fd = openat(dir, name, flags);
        struct stat st;

        if (fd < 0 && errno == EACCES && fchmodat(dir, name, S_IRWXU, AT_SYMLINK_NOFOLLOW) == 0)
                fd = openat(dir, name, flags);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -1;
        if ((st.st_mode & 07777) != S_IRWXU && fchmod(fd, S_IRWXU) < 0)
                return -1;
        return fd_take(&fd);
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

static int erase_entries(const struct eraser *x, const char *name, struct err *e)
{
        int copy = openat(x->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        autodir *list = fd_take_dir(&copy);
        struct dirent *entry;

        if (!list)
                return err_sys(e, "cannot list '%.100s'", name);
        while (errno = 0, (entry = readdir(list)) != NULL) {
                if (!str_eq(entry->d_name, ".") && !str_eq(entry->d_name, "..") &&
                    erase_entry(x, entry->d_name, e) < 0)
                        return -e->code;
        }
        return errno ? err_sys(e, "cannot list '%.100s'", name) : 0;
}

static int erase_entry(const struct eraser *x, const char *name, struct err *e)
{
        if (unlinkat(x->dir, name, 0) == 0 || errno == ENOENT)
                return 0;
        if (errno != EISDIR && errno != EPERM)
                return failed(name, e);
        int why = errno;
        autofd fd = open_to_erase(x->dir, name);
        /* no directory: what kept it is what counts, as in one of somebody else's with a sticky bit */
        if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
                errno = why;
        if (fd < 0)
                return failed(name, e);
        if (x->depth == DEEPEST)
                return move_up(x, name, e);
        const struct eraser below = {
                .top = x->top >= 0 ? x->top : fd,
                .dir = fd,
                .depth = x->depth + 1,
                .n_moved = x->n_moved,
        };
        /* what was moved up may not have been in the list that was begun before */
        for (unsigned before = *x->n_moved;;) {
                if (erase_entries(&below, name, e) < 0)
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
        const struct eraser x = { .top = -1, .dir = dir, .n_moved = &n_moved };

        return erase_entry(&x, name, e);
}
