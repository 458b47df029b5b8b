#include "review-guard.h"

#include "fd.h"
#include "io.h"
#include "review.h"
#include "str.h"

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
#define MAX_DEPTH 100

/* The directories that the reviews lie in, or would: from the lowest that is there to the root. */
struct chain {
        struct directory {
                dev_t dev;
                ino_t ino;
        } dirs[MAX_DEPTH];
        size_t n;
        size_t n_missing; /* below them */
        bool is_whole;
};

/* Cuts the last component off; false: there is none. */
static bool cut(char *path)
{
        char *slash = strrchr(path, '/');

        if (!slash || str_eq(path, "/"))
                return false;
        slash[slash == path ? 1 : 0] = '\0';
        return true;
}

static void find_chain(const char *path, struct chain *ret)
{
        char text[PATH_MAX];
        char real[PATH_MAX];

        *ret = (struct chain){ 0 };
        if (snprintf(text, sizeof(text), "%s", path) >= (int)sizeof(text))
                return;
        while (!realpath(text, real)) {
                if (!cut(text))
                        return;
                ret->n_missing++;
        }
        do {
                struct stat st;

                if (ret->n == MAX_DEPTH || stat(real, &st) < 0)
                        return;
                ret->dirs[ret->n++] = (struct directory){ st.st_dev, st.st_ino };
        } while (cut(real));
        ret->is_whole = true;
}

static bool is_one_of(const struct chain *chain, const char *path)
{
        struct stat st;

        /* what is not there is not shown */
        if (stat(path, &st) < 0)
                return false;
        for (size_t i = 0; i < chain->n; i++) {
                if (st.st_dev == chain->dirs[i].dev && st.st_ino == chain->dirs[i].ino)
                        return true;
        }
        return false;
}

/* By what the directories are, not by what they are called: a share may go through a symlink. */
static bool can_be_made(const struct plan_files *files, const struct chain *chain)
{
        if (!chain->is_whole)
                return true;
        for (size_t i = 0; i < files->n_rules; i++) {
                const struct plan_rule *rule = &files->rules[i];

                if (rule->kind == PLAN_RULE_WRITABLE && !rule->is_scratch && rule->host_path &&
                    is_one_of(chain, rule->host_path))
                        return true;
        }
        return false;
}

/* Whether the directory is still the one at its path: who waited for it may have waited for its removal. */
static bool is_there(int dir, const char *path)
{
        struct stat open;
        struct stat named;

        return fstat(dir, &open) == 0 && lstat(path, &named) == 0 && open.st_dev == named.st_dev &&
               open.st_ino == named.st_ino;
}

static int try_take(struct review_guard *g, struct err *e)
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

int review_guard_take(struct review_guard *g, const struct plan_files *files, struct err *e)
{
        struct chain chain;
        int code = -ENOENT;

        if (!files->reviews_dir)
                return 0;
        find_chain(files->reviews_dir, &chain);
        if (!can_be_made(files, &chain))
                return 0;
        g->path = files->reviews_dir;
        g->n_missing = chain.n_missing;
        for (int i = 0; i < MAX_TRIES && code == -ENOENT; i++) {
                *e = (struct err){ .step = e->step };
                code = try_take(g, e);
        }
        if (code == 0)
                return 0;
        err_prefix(e, "reviews could be forged in what is shared");
        return err_hint(e, "set XDG_STATE_HOME to a directory that is not shared");
}

void review_guard_done(struct review_guard *g)
{
        /* "kelp/reviews" is nobody else's; what is above only goes if it came with this run */
        size_t n = g->n_missing > 2 ? g->n_missing : 2;
        char path[PATH_MAX];

        if (g->lock < 0)
                return;
        if (io_lock(g->lock, LOCK_EX | LOCK_NB) == 0 && is_there(g->lock, g->path)) {
                snprintf(path, sizeof(path), "%s", g->path);
                for (size_t i = 0; i < n && rmdir(path) == 0; i++)
                        cut(path);
        }
        fd_close(&g->lock);
}
