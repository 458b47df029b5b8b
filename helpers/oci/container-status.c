#include "container-inner.h"

#include "fd.h"
#include "group.h"
#include "io.h"
#include "launch.h"
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether process `c->pid` is the one that was started as such, and has not ended. */
static bool is_first(const struct container *c)
{
        uint64_t start_time;
        char state;

        return proc_stat(c->pid, &state, &start_time) == 0 && start_time == c->start_time &&
               state != 'Z' && state != 'X';
}

int container_open_first(const struct container *c, int *ret_pidfd, struct err *e)
{
        struct err why = { 0 };

        *ret_pidfd = -1;
        if (c->pid <= 0)
                return 0;
        autofd pidfd = proc_pidfd(c->pid, &why);
        /* a pid of a thread is nobody's first process either */
        if (pidfd < 0 && (why.code == ESRCH || why.code == EINVAL || why.code == ENOENT))
                return 0;
        if (pidfd < 0) {
                *e = why;
                return -e->code;
        }
        /* after it was opened: what is seen now is what the descriptor is of */
        if (is_first(c))
                *ret_pidfd = fd_take(&pidfd);
        return 0;
}

/* Whether somebody makes, starts or removes it just now. */
static bool is_locked(const struct container *c)
{
        autofd lock = openat(c->dir, CONTAINER_LOCK, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

        return lock >= 0 && io_lock(lock, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

/* Whether create is at work, and has written the state already. */
static bool is_being_made(const struct container *c)
{
        struct stat st;

        return c->lock < 0 && fstatat(c->dir, CONTAINER_LOCK, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
               st.st_size == 0 && is_locked(c);
}

int container_mark_created(const struct container *c, struct err *e)
{
        if (ftruncate(c->lock, 1) < 0)
                return err_sys(e, "cannot mark container '%s' as created", c->id);
        return 0;
}

static bool is_frozen(const struct container *c)
{
        __attribute__((cleanup(group_done))) struct group group = GROUP_NONE;
        struct err unused = { 0 };

        return c->cgroup && group_open(c->cgroup, &group, &unused) == 0 && group.dir >= 0 &&
               group_is_frozen(&group);
}

int container_get_status(const struct container *c, enum container_status *ret, struct err *e)
{
        (void)e;
        if (c->pid <= 0)
                *ret = c->lock < 0 && is_locked(c) ? CONTAINER_CREATING : CONTAINER_STOPPED;
        else if (!is_first(c))
                *ret = CONTAINER_STOPPED;
        else if (is_frozen(c))
                *ret = CONTAINER_PAUSED;
        else if (launch_is_waiting(c))
                *ret = is_being_made(c) ? CONTAINER_CREATING : CONTAINER_CREATED;
        else
                *ret = CONTAINER_RUNNING;
        return 0;
}
