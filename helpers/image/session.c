/* Sessions: see store.h. */

#include "store.h"

#include "erase.h"
#include "fd.h"
#include "io.h"
#include "subids.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

struct sweep {
        const struct store *store;
        bool has_left;
};

static int remove_tree(const struct store *store, const char *name, struct err *e)
{
        if (store->remove)
                return store->remove(store, store->tmp, name, e);
        return erase_tree(store->tmp, name, e);
}

bool session_is_held(int dir, const char *name)
{
        autofd fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

        /* what cannot be opened for lack of means may be held */
        if (fd < 0)
                return errno == EMFILE || errno == ENFILE || errno == ENOMEM;
        return flock(fd, LOCK_EX | LOCK_NB) < 0;
}

static int find_left(void *context, const char *name, struct err *e)
{
        struct sweep *sweep = context;

        (void)e;
        sweep->has_left = sweep->has_left || !session_is_held(sweep->store->tmp, name);
        return 0;
}

/*
 * Files of subordinate ids that the user does not have any more must not keep him from his images:
 * they stay, and prune says so.
 */
static int sweep_one(void *context, const char *name, struct err *e)
{
        const struct store *store = ((const struct sweep *)context)->store;

        if (session_is_held(store->tmp, name) || remove_tree(store, name, e) == 0)
                return 0;
        /* files of subordinate ids wait for somebody who can remove them */
        if (e->code != EACCES && e->code != EPERM && e->code != SUBIDS_ERROR)
                return -e->code;
        *e = (struct err){ 0 };
        return 0;
}

/*
 * Under the lock, so that no session is seen between its making and its locking.  What was left
 * goes last, as a session does where nothing is cut short: this may be, too.
 */
static int sweep_tmp(const struct store *store, struct err *e)
{
        struct sweep sweep = { .store = store };

        /* whoever cannot mend what a session was cut short of leaves it to whoever can */
        if (!store->mend)
                return 0;
        if (store_list(store->tmp, find_left, &sweep, e) < 0)
                return -e->code;
        if (!sweep.has_left)
                return 0;
        if (store->mend(store, store->tmp, e) < 0)
                return -e->code;
        return store_list(store->tmp, sweep_one, &sweep, e);
}

int session_make_directory(int dir, const char *name, struct err *e)
{
        if (mkdirat(dir, name, 0700) < 0)
                return err_sys(e, "cannot make a temporary directory in the image store");
        int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return err_sys(e, "cannot open a temporary directory in the image store");
        return fd;
}

static int get_parts(struct session *s, int (*get)(int dir, const char *name, struct err *e),
                     struct err *e)
{
        const struct {
                const char *name;
                int *fd;
        } parts[] = {
                { "blobs", &s->blobs },
                { "layers", &s->layers },
                { "records", &s->records },
                { "gone", &s->gone },
        };

        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
                *parts[i].fd = get(s->dir, parts[i].name, e);
                if (*parts[i].fd < 0)
                        return -e->code;
        }
        return 0;
}

static int make_session(const struct store *store, struct session *ret, struct err *e)
{
        uint64_t random;

        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
                return err_sys(e, "cannot get a random number");
        snprintf(ret->name, sizeof(ret->name), "import-%016llx", (unsigned long long)random);
        ret->dir = session_make_directory(store->tmp, ret->name, e);
        if (ret->dir < 0)
                return -e->code;
        if (flock(ret->dir, LOCK_EX | LOCK_NB) < 0)
                return err_sys(e, "cannot lock a temporary directory in the image store");
        return get_parts(ret, session_make_directory, e);
}

int session_recover(const struct store *store, struct err *e)
{
        autofd lock = store_lock(store, e);

        return lock < 0 ? lock : sweep_tmp(store, e);
}

int session_open(const struct store *store, struct session *ret, struct err *e)
{
        autofd lock = store_lock(store, e);

        if (lock < 0 || sweep_tmp(store, e) < 0)
                return -e->code;
        return make_session(store, ret, e);
}

/* The lock is this store's own: its descriptor, and the copies that processes at work have. */
int session_claim(const struct store *store, struct err *e)
{
        if (io_lock(store->tmp, LOCK_SH) < 0)
                return err_sys(e, "cannot lock the temporary directory of the image store");
        return 0;
}

int session_hold_off(const struct store *store, int *ret, struct err *e)
{
        autofd fd = openat(store->tmp, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                return err_sys(e, "cannot open the temporary directory of the image store");
        bool is_claimed = flock(fd, LOCK_EX | LOCK_NB) < 0;
        if (is_claimed && errno != EWOULDBLOCK)
                return err_sys(e, "cannot lock the temporary directory of the image store");
        *ret = is_claimed ? -1 : fd_take(&fd);
        return 0;
}

int session_take(const struct session *session, int dir, const char *name, struct err *e)
{
        struct stat st;
        char unique[32];

        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : err_sys(e, "cannot stat '%.100s'", name);
        /* the same layer may go in both modes */
        snprintf(unique, sizeof(unique), "%llx.%llx", (unsigned long long)st.st_dev,
                 (unsigned long long)st.st_ino);
        if (renameat(dir, name, session->gone, unique) < 0 && errno != ENOENT)
                return err_sys(e, "cannot remove '%.100s' in the image store", name);
        return 0;
}

static int open_part(int dir, const char *name, struct err *e)
{
        int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (fd < 0)
                return err_sys(e, "cannot open '%s' of the session", name);
        return fd;
}

/* The name is asked of the kernel, and believed when it leads back to the same directory. */
static int find_name(const struct store *store, int dir, struct session *ret, struct err *e)
{
        char link[64];
        char path[PATH_MAX];
        struct stat own;
        struct stat found;

        snprintf(link, sizeof(link), "/proc/self/fd/%d", dir);
        ssize_t n = readlink(link, path, sizeof(path) - 1);
        if (n < 0 || fstat(dir, &own) < 0)
                return err_sys(e, "cannot tell what descriptor %d is", dir);
        path[n] = '\0';
        const char *slash = strrchr(path, '/');
        if (!slash || strlen(slash + 1) >= sizeof(ret->name) ||
            fstatat(store->tmp, slash + 1, &found, AT_SYMLINK_NOFOLLOW) < 0 ||
            found.st_dev != own.st_dev || found.st_ino != own.st_ino || !S_ISDIR(own.st_mode))
                return err_set(e, EINVAL, "descriptor %d is no session of the image store", dir);
        snprintf(ret->name, sizeof(ret->name), "%s", slash + 1);
        return 0;
}

int session_adopt(const struct store *store, int *dir, struct session *ret, struct err *e)
{
        if (find_name(store, *dir, ret, e) < 0)
                return -e->code;
        ret->dir = fd_take(dir);
        return get_parts(ret, open_part, e);
}

int session_remove(const struct store *store, struct session *session, struct err *e)
{
        int r = session->dir < 0 ? 0 : remove_tree(store, session->name, e);

        fd_close(&session->blobs);
        fd_close(&session->layers);
        fd_close(&session->records);
        fd_close(&session->gone);
        fd_close(&session->dir);
        return r;
}
