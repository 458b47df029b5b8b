#include "exec-spaces.h"

#include "fd.h"
#include "io.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

struct kind {
        const char *name;
        int flag;
};

static const struct kind user = { "user", CLONE_NEWUSER };

static const struct kind others[] = {
        { "mnt", CLONE_NEWNS },    { "pid", CLONE_NEWPID }, { "net", CLONE_NEWNET },
        { "ipc", CLONE_NEWIPC },   { "uts", CLONE_NEWUTS }, { "cgroup", CLONE_NEWCGROUP },
        { "time", CLONE_NEWTIME },
};

void exec_spaces_done(struct exec_spaces *s)
{
        fd_close(&s->root);
}

static bool is_same(const struct stat *a, const struct stat *b)
{
        return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* The namespace of process `dir`; *ret_is_own: this process is in it.  ENOENT: the kernel has no such. */
static int look(int dir, const struct kind *kind, int *ret, bool *ret_is_own, struct err *e)
{
        struct stat own, its;
        char path[40];

        snprintf(path, sizeof(path), "ns/%s", kind->name);
        autofd fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &its) < 0)
                return err_sys(e, "cannot open the %s namespace of the container", kind->name);
        snprintf(path, sizeof(path), "/proc/self/ns/%s", kind->name);
        if (stat(path, &own) < 0)
                return err_sys(e, "cannot stat '%s'", path);
        *ret_is_own = is_same(&own, &its);
        *ret = fd_take(&fd);
        return 0;
}

/* Whether the user namespace `owner` owns the namespace `fd`: who enters that has rights in this. */
static bool is_owned_by(int fd, int owner)
{
        autofd its_owner = ioctl(fd, NS_GET_USERNS);
        struct stat a, b;

        return its_owner >= 0 && fstat(its_owner, &a) == 0 && fstat(owner, &b) == 0 &&
               is_same(&a, &b);
}

static int look_at_others(int dir, int owner, struct exec_spaces *s, struct err *e)
{
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
                autofd fd = -1;
                bool is_own;

                if (look(dir, &others[i], &fd, &is_own, e) < 0) {
                        if (e->code != ENOENT)
                                return -e->code;
                        *e = (struct err){ 0 };
                        continue;
                }
                if (is_own)
                        continue;
                if (s->has_own_ids && !is_owned_by(fd, owner))
                        s->outer |= others[i].flag;
                else
                        s->inner |= others[i].flag;
        }
        s->has_own_pids = ((s->outer | s->inner) & CLONE_NEWPID) != 0;
        return 0;
}

static int look_at_ids(int dir, struct exec_spaces *s, int *ret_owner, struct err *e)
{
        char text[16] = "";
        bool is_own;

        if (look(dir, &user, ret_owner, &is_own, e) < 0)
                return -e->code;
        s->has_own_ids = !is_own;
        if (s->has_own_ids)
                s->inner |= CLONE_NEWUSER;
        ssize_t n = io_read_small(dir, "setgroups", text, sizeof(text));
        if (n < 0 && n != -ENOENT) {
                errno = (int)-n;
                return err_sys(e, "cannot tell whether the container may set groups");
        }
        s->denies_groups = str_eq(text, "deny");
        return 0;
}

/* A mount namespace brings its root with it; without one the root is the process's alone. */
static int look_at_root(int dir, struct exec_spaces *s, struct err *e)
{
        struct stat own, its;

        if ((s->outer | s->inner) & CLONE_NEWNS)
                return 0;
        autofd root = openat(dir, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root < 0 || fstat(root, &its) < 0 || stat("/", &own) < 0)
                return err_sys(e, "cannot open the root of the container");
        if (!is_same(&own, &its))
                s->root = fd_take(&root);
        return 0;
}

int exec_spaces_find(pid_t pid, int pidfd, struct exec_spaces *ret, struct err *e)
{
        struct exec_spaces s = EXEC_SPACES_NONE;
        autofd owner = -1;
        char path[40];

        snprintf(path, sizeof(path), "/proc/%d", (int)pid);
        autofd dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
                return err_sys(e, "cannot open '%s'", path);
        if (look_at_ids(dir, &s, &owner, e) < 0 || look_at_others(dir, owner, &s, e) < 0 ||
            look_at_root(dir, &s, e) < 0) {
                exec_spaces_done(&s);
                return -e->code;
        }
        if (syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) < 0 && errno != EPERM) {
                exec_spaces_done(&s);
                return err_sys(e, "the container has ended");
        }
        *ret = s;
        return 0;
}

static int enter(int pidfd, int flags, struct err *e)
{
        if (flags && setns(pidfd, flags) < 0)
                return err_sys(e, "cannot enter the namespaces of the container");
        return 0;
}

/* Where nobody is 0 the capabilities are enough. */
static int become_root(struct err *e)
{
        if ((setresgid(0, 0, 0) < 0 && errno != EINVAL) ||
            (setresuid(0, 0, 0) < 0 && errno != EINVAL))
                return err_sys(e, "cannot become root of the container");
        return 0;
}

int exec_spaces_enter(const struct exec_spaces *s, int pidfd, struct err *e)
{
        if (enter(pidfd, s->outer, e) < 0 || enter(pidfd, s->inner, e) < 0)
                return -e->code;
        if (s->root >= 0 && (fchdir(s->root) < 0 || chroot(".") < 0))
                return err_sys(e, "cannot enter the root of the container");
        if (chdir("/") < 0)
                return err_sys(e, "cannot enter the root of the container");
        return become_root(e);
}
