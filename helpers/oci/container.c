#include "container-inner.h"

#include "fd.h"
#include "io.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Between mkdir() and the lock of who makes a container somebody may come to clean up, take the lock
 * first and remove it all.  Whoever gets a lock therefore looks whether the file is still there; it goes
 * with the directory, so one that has no name any more locks nothing.
 */

static const char *const status_names[] = {
        [CONTAINER_CREATING] = "creating", [CONTAINER_CREATED] = "created",
        [CONTAINER_RUNNING] = "running",   [CONTAINER_STOPPED] = "stopped",
        [CONTAINER_PAUSED] = "paused",
};

const char *container_status_name(enum container_status status)
{
        return status_names[status];
}

/* Not by close() alone: the lock would stay with a child that has the descriptor, too. */
void container_unlock(struct container *c)
{
        if (c->lock >= 0)
                flock(c->lock, LOCK_UN);
        fd_close(&c->lock);
}

void container_done(struct container *c)
{
        int saved = errno;

        container_unlock(c);
        fd_close(&c->dir);
        arena_done(&c->arena);
        *c = (struct container)CONTAINER_NONE;
        errno = saved;
}

int container_check_id(const char *id, struct err *e)
{
        static const char others[] = "_+-.";

        if (id[0] == '\0')
                return err_set(e, EINVAL, "the id of the container is empty");
        if (str_eq(id, ".") || str_eq(id, ".."))
                return err_set(e, EINVAL, "'%s' is no id of a container", id);
        for (const char *at = id; *at; at++) {
                bool is_letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z');

                if (is_letter || (*at >= '0' && *at <= '9') || strchr(others, *at))
                        continue;
                err_set(e, EINVAL, "'%.100s' is no id of a container", id);
                return err_hint(e, "an id has letters, digits, '_', '+', '-' and '.'");
        }
        if (strlen(id) > CONTAINER_MAX_ID)
                return err_set(e, EINVAL, "the id '%.40s...' is longer than %d bytes", id,
                               CONTAINER_MAX_ID);
        return 0;
}

/* mkdir -p of `path`, which is changed and changed back. */
static int make_with_parents(char *path, struct err *e)
{
        for (char *at = path + 1; (at = strchr(at, '/')); at++) {
                *at = '\0';
                int r = mkdir(path, 0700);
                *at = '/';
                /* one that is there may be in a directory that we cannot write to */
                if (r < 0 && errno != EEXIST && errno != EACCES && errno != EROFS)
                        return err_sys(e, "cannot make a directory above '%.300s'", path);
        }
        if (mkdir(path, 0700) < 0 && errno != EEXIST)
                return err_sys(e, "cannot make the directory '%.300s' of all containers", path);
        return 0;
}

static int open_made(const char *path, int flags, int *ret, struct err *e)
{
        autofree char *copy = NULL;
        autofd dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);

        if (dir < 0 && errno == ENOENT) {
                copy = strdup(path);
                if (!copy)
                        return err_sys(e, "cannot make '%.300s'", path);
                if (make_with_parents(copy, e) < 0)
                        return -e->code;
                dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
        }
        if (dir < 0) {
                err_sys(e, "cannot open the directory '%.300s' of all containers", path);
                return err_hint(e, "another one: --root DIR");
        }
        *ret = fd_take(&dir);
        return 0;
}

/* A directory that anybody could have made: who has it has our containers. */
static int check_owner(int dir, const char *path, struct err *e)
{
        struct stat st;

        if (fstat(dir, &st) < 0)
                return err_sys(e, "cannot stat '%.300s'", path);
        if (st.st_uid == geteuid() && (st.st_mode & 077) == 0)
                return 0;
        err_set(e, EPERM, "'%.300s' is not a directory of this user alone", path);
        return err_hint(e, "set XDG_RUNTIME_DIR, or name another one: --root DIR");
}

int container_open_root(const char *asked, int *ret, struct err *e)
{
        const char *session = getenv("XDG_RUNTIME_DIR");
        char path[4096];
        autofd dir = -1;

        if (asked && asked[0] == '\0')
                return err_set(e, EINVAL, "--root is empty");
        if (asked)
                return open_made(asked, 0, ret, e);
        /* that of a session which has ended is gone, as where there never was one */
        if (session && session[0] == '/' && access(session, F_OK) == 0) {
                if ((size_t)snprintf(path, sizeof(path), "%s/kelp-oci", session) >= sizeof(path))
                        return err_set(e, ENAMETOOLONG, "XDG_RUNTIME_DIR is too long");
                return open_made(path, 0, ret, e);
        }
        snprintf(path, sizeof(path), "/tmp/kelp-oci-%u", (unsigned)geteuid());
        if (open_made(path, O_NOFOLLOW, &dir, e) < 0 || check_owner(dir, path, e) < 0)
                return -e->code;
        *ret = fd_take(&dir);
        return 0;
}

static int refuse_missing(const char *id, struct err *e)
{
        return err_set(e, ENOENT, "container '%s' does not exist", id);
}

/* What stands in there is believed: whom to signal, and which hooks to run. */
static int check_dir(const struct container *c, struct err *e)
{
        struct stat st;

        if (fstat(c->dir, &st) < 0)
                return err_sys(e, "cannot stat container '%s'", c->id);
        if (st.st_uid == geteuid() && (st.st_mode & 022) == 0)
                return 0;
        err_set(e, EPERM, "container '%s' is not of this user, or others could write to it", c->id);
        return err_hint(e, "whoever made it has to delete it");
}

/* Takes what `root` has under that name, without a look at what is in it. */
static int open_dir(int root, const char *id, struct container *ret, struct err *e)
{
        if (container_check_id(id, e) < 0)
                return -e->code;
        ret->root = root;
        ret->id = arena_copy(&ret->arena, id, e);
        if (!ret->id)
                return -e->code;
        ret->dir = openat(root, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (ret->dir >= 0)
                return check_dir(ret, e);
        if (errno == ENOENT)
                return refuse_missing(id, e);
        return err_sys(e, "cannot open container '%s'", id);
}

/* EWOULDBLOCK: somebody else has it. */
static int take_lock(struct container *c, int how, struct err *e)
{
        struct stat st;
        autofd lock =
                openat(c->dir, CONTAINER_LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

        /* nothing can be made in a directory that was removed */
        if (lock < 0 && errno == ENOENT)
                return refuse_missing(c->id, e);
        if (lock < 0)
                return err_sys(e, "cannot open the lock of container '%s'", c->id);
        if (io_lock(lock, how) < 0 || fstat(lock, &st) < 0)
                return err_sys(e, "cannot lock container '%s'", c->id);
        if (st.st_nlink == 0)
                return refuse_missing(c->id, e);
        c->lock = fd_take(&lock);
        return 0;
}

int container_make(int root, const char *id, struct container *ret, struct err *e)
{
        autocontainer c = CONTAINER_NONE;

        if (container_check_id(id, e) < 0)
                return -e->code;
        if (mkdirat(root, id, 0700) < 0) {
                if (errno == EEXIST)
                        return err_set(e, EEXIST, "container '%s' already exists", id);
                return err_sys(e, "cannot make container '%s'", id);
        }
        if (open_dir(root, id, &c, e) < 0 || take_lock(&c, LOCK_EX, e) < 0) {
                if (e->code == ENOENT)
                        return err_set(e, ECANCELED, "container '%s' was deleted at once", id);
                unlinkat(root, id, AT_REMOVEDIR);
                return -e->code;
        }
        *ret = c;
        c = (struct container)CONTAINER_NONE;
        return 0;
}

int container_open(int root, const char *id, struct container *ret, struct err *e)
{
        autocontainer c = CONTAINER_NONE;
        struct err none = { 0 };

        if (open_dir(root, id, &c, e) < 0)
                return -e->code;
        int r = container_read(&c, &none);
        if (r < 0 && r != -ENOENT && r != -EBADMSG) {
                *e = none;
                return r;
        }
        *ret = c;
        c = (struct container)CONTAINER_NONE;
        if (r != -EBADMSG)
                return 0;
        *e = none;
        return r;
}

/* What was known before may be old by now. */
static int read_again(struct container *c, struct err *e)
{
        struct container fresh = { .root = c->root, .dir = c->dir, .lock = c->lock };

        fresh.id = arena_copy(&fresh.arena, c->id, e);
        if (!fresh.id)
                return -e->code;
        int r = container_read(&fresh, e);
        arena_done(&c->arena);
        *c = fresh;
        return r;
}

int container_lock(struct container *c, struct err *e)
{
        struct err none = { 0 };

        if (take_lock(c, LOCK_EX, e) < 0)
                return -e->code;
        int r = read_again(c, &none);
        if (r == 0 || r == -ENOENT)
                return 0;
        *e = none;
        return r;
}

int container_open_locked(int root, const char *id, struct container *ret, struct err *e)
{
        autocontainer c = CONTAINER_NONE;
        struct err none = { 0 };

        if (open_dir(root, id, &c, e) < 0 || take_lock(&c, LOCK_EX, e) < 0)
                return -e->code;
        int r = container_read(&c, &none);
        if (r < 0 && r != -ENOENT && r != -EBADMSG) {
                *e = none;
                return r;
        }
        *ret = c;
        c = (struct container)CONTAINER_NONE;
        return 0;
}

/* Also what nobody here has made; no directories, for nothing of ours makes one. */
static int remove_rest(const struct container *c, struct err *e)
{
        autofd copy = openat(c->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        autodir *dir = fd_take_dir(&copy);

        if (!dir)
                return err_sys(e, "cannot list container '%s'", c->id);
        for (const struct dirent *entry; (errno = 0, entry = readdir(dir));) {
                if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, "..") ||
                    str_eq(entry->d_name, CONTAINER_LOCK))
                        continue;
                if (unlinkat(c->dir, entry->d_name, 0) < 0 && errno != ENOENT)
                        return err_sys(e, "cannot remove '%s' of container '%s'", entry->d_name,
                                       c->id);
        }
        if (errno)
                return err_sys(e, "cannot list container '%s'", c->id);
        return 0;
}

int container_remove(struct container *c, struct err *e)
{
        static const char *const known[] = { CONTAINER_STATE, CONTAINER_CONFIG, CONTAINER_START };

        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
                unlinkat(c->dir, known[i], 0);
        if (unlinkat(c->dir, CONTAINER_LOCK, 0) < 0 && errno != ENOENT)
                return err_sys(e, "cannot remove the lock of container '%s'", c->id);
        if (unlinkat(c->root, c->id, AT_REMOVEDIR) == 0 || errno == ENOENT)
                return 0;
        if (errno != ENOTEMPTY && errno != EEXIST)
                return err_sys(e, "cannot remove container '%s'", c->id);
        if (remove_rest(c, e) < 0)
                return -e->code;
        unlinkat(c->dir, CONTAINER_LOCK, 0);
        if (unlinkat(c->root, c->id, AT_REMOVEDIR) < 0 && errno != ENOENT)
                return err_sys(e, "cannot remove container '%s'", c->id);
        return 0;
}
