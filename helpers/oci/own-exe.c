#include "become.h"

#include "fd.h"
#include "helper-find.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * A container's root can come by a reference to this program's file: it has /proc/self/exe executed, by
 * name or as the interpreter of a script, or looks at /proc/PID/exe.  A reference is no danger where the
 * file cannot be changed by it:
 *
 *      - it belongs to nobody that a container can be, which is so for one that root has installed
 *      - or it is on a mount that is read-only, which no container can change: it is not the container's
 *      - or it is a copy in memory whose content is sealed
 *
 * In any other case this program makes the second or third kind of itself and executes it.  A clone of
 * the mount costs no copy, but needs a user namespace in which this process may mount (below podman);
 * else it is the copy.
 */

#define SELF  "/proc/self/exe"
#define NAME  "kelp-oci"
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

/* In the initial user namespace every id is itself; source: user_namespaces(7), uid_map. */
static bool is_initial_namespace(void)
{
        autofd fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
        unsigned long inner, outer, count;
        char text[200] = "";

        if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
                return false;
        return sscanf(text, "%lu %lu %lu", &inner, &outer, &count) == 3 && inner == 0 &&
               outer == 0 && count == 4294967295UL;
}

/* What ids without a map look like. */
#define OVERFLOW_ID 65534

/*
 * Whether nobody that a container can be may write to it or change its mode.  Containers of a normal user
 * are his own and his subordinate ids, never 0; those of a user namespace are what is mapped there.
 */
static bool is_foreign(int fd, const struct stat *st)
{
        if (st->st_mode & S_IWOTH)
                return false;
        if (is_initial_namespace())
                return geteuid() != 0 && st->st_uid == 0 &&
                       (st->st_gid == 0 || !(st->st_mode & S_IWGRP));
        if (st->st_uid != OVERFLOW_ID || st->st_gid != OVERFLOW_ID)
                return false;
        /* those ids may be mapped as well, and then all rights in here are rights to it, too */
        return faccessat(fd, "", W_OK, AT_EACCESS | AT_EMPTY_PATH) < 0 && errno == EACCES;
}

static bool is_out_of_reach(int fd, const struct stat *st)
{
        struct statvfs fs;
        int seals = fcntl(fd, F_GET_SEALS);

        if (seals >= 0 && (seals & SEALS) == SEALS)
                return true;
        if (fstatvfs(fd, &fs) == 0 && (fs.f_flag & ST_RDONLY))
                return true;
        return is_foreign(fd, st);
}

/* -1: not here. */
static int clone_mount(int fd)
{
        struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
        autofd tree = (int)syscall(SYS_open_tree, fd, "",
                                   AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

        if (tree < 0 ||
            syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
                return -1;
        return fd_take(&tree);
}

static int make_memory(struct err *e)
{
        int fd = memfd_create(NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

        /* kernels before 6.3 do not know that one may be executable */
        if (fd < 0 && errno == EINVAL)
                fd = memfd_create(NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
        return fd < 0 ? err_sys(e, "cannot make a file in memory") : fd;
}

static int copy(int from, off_t size, struct err *e)
{
        autofd fd = make_memory(e);
        off_t at = 0;

        if (fd < 0)
                return -e->code;
        while (at < size) {
                ssize_t n = sendfile(fd, from, &at, (size_t)(size - at));

                if (n == 0)
                        return err_set(e, EIO, "'" SELF "' became shorter");
                if (n < 0 && errno != EINTR)
                        return err_sys(e, "cannot copy '" SELF "'");
        }
        if (fchmod(fd, 0500) < 0 || fcntl(fd, F_ADD_SEALS, SEALS) < 0)
                return err_sys(e, "cannot seal a copy of '" SELF "'");
        return fd_take(&fd);
}

static int become_copy(int fd, char **argv, struct err *e)
{
        char path[PATH_MAX];

        if (helper_find_self(path, sizeof(path), e) < 0)
                return -e->code;
        if (setenv(HELPER_FIND_SELF, path, 1) < 0)
                return err_sys(e, "cannot keep the path of this program");
        /* the descriptor goes at exec, and with it the last name of the copy */
        fexecve(fd, argv, environ);
        return err_sys(e, "cannot execute a copy of '%s' that containers cannot write to", path);
}

int become_guard_self(char **argv, struct err *e)
{
        autofd self = open(SELF, O_RDONLY | O_CLOEXEC);
        struct stat st;

        if (self < 0 || fstat(self, &st) < 0)
                return err_sys(e, "cannot look at '" SELF "'");
        if (is_out_of_reach(self, &st)) {
                /* of a copy it is the number of a descriptor */
                if (getenv(HELPER_FIND_SELF))
                        prctl(PR_SET_NAME, NAME);
                return 0;
        }
        autofd safe = clone_mount(self);
        if (safe < 0)
                safe = copy(self, st.st_size, e);
        if (safe < 0 || become_copy(safe, argv, e) < 0) {
                err_prefix(e, "this program's file could be written by a container");
                return err_hint(e, "have root install it, for everybody");
        }
        return 0;
}
