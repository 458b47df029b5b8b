#include "review-guard.h"

#include "fd.h"
#include "io.h"
#include "review.h"
#include "shared.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_TRIES 20

/* Whether the directory is still the one at its path: who waited for it may have waited for its removal. */
static bool is_there(int dir, const char *path)
{
        struct stat open;
        struct stat named;

        return fstat(dir, &open) == 0 && lstat(path, &named) == 0 && open.st_dev == named.st_dev &&
               open.st_ino == named.st_ino;
}

static int try_take(struct guarded_dir *g, struct err *e)
{
        if (review_make_root(g->path, e) < 0)
                return -e->code;
        autofd fd = open(g->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return err_sys(e, "cannot open '%s'", g->path);
        if (io_lock(fd, LOCK_SH) < 0)
                return err_sys(e, "cannot lock '%s'", g->path);
        if (!is_there(fd, g->path))
                return err_set(e, ENOENT, "'%s' is removed again and again", g->path);
        g->lock = fd_take(&fd);
        return 0;
}

static int take(struct guarded_dir *g, const char *path, size_t n_missing, struct err *e)
{
        int code = -ENOENT;

        g->path = path;
        g->n_missing = n_missing;
        for (int i = 0; i < MAX_TRIES && code == -ENOENT; i++) {
                *e = (struct err){ .step = e->step };
                code = try_take(g, e);
        }
        if (code == 0)
                return 0;
        err_prefix(e, "reviews could be forged in what is shared");
        return err_hint(e, "set XDG_STATE_HOME to a directory that is not shared");
}

int review_guard_take(struct review_guard *g, const struct plan_files *files, struct err *e)
{
        for (size_t i = 0; i < files->n_reviews_dirs; i++) {
                const char *path = files->reviews_dirs[i];
                size_t n_missing = 0;

                if (!shared_is_above(files, path, false, &n_missing))
                        continue;
                g->dirs[g->n] = (struct guarded_dir){ .lock = -1 };
                int r = take(&g->dirs[g->n++], path, n_missing, e);
                /* elsewhere than where this run would look, what its user cannot make no sandbox can */
                if (r == 0 || (i > 0 && (r == -EACCES || r == -EROFS)))
                        *e = (struct err){ .step = e->step };
                else
                        return -e->code;
        }
        return 0;
}

static void give_up(struct guarded_dir *g)
{
        /* "kelp/reviews" is nobody else's; what is above only goes if it came with this run */
        size_t n = g->n_missing > 2 ? g->n_missing : 2;
        char path[PATH_MAX];

        if (g->lock < 0)
                return;
        if (io_lock(g->lock, LOCK_EX | LOCK_NB) == 0 && is_there(g->lock, g->path)) {
                snprintf(path, sizeof(path), "%s", g->path);
                for (size_t i = 0; i < n && rmdir(path) == 0; i++)
                        *strrchr(path, '/') = '\0';
        }
        fd_close(&g->lock);
}

void review_guard_done(struct review_guard *g)
{
        while (g->n > 0)
                give_up(&g->dirs[--g->n]);
}
