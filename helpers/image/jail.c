#include "jail.h"

#include "fd.h"
#include "harden.h"
#include "io.h"
#include "subids.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* the address sanitizer maps terabytes; gcc and clang each say in their own way that it is on */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#endif
#ifndef HAS_ASAN
#define HAS_ASAN 0
#endif

/*
 * What it may map: the libraries, the stacks of four threads, blocks on their way, a window of
 * LIMIT_WINDOW, and what it knows of the tree.  It uses a small part of that.
 */
#define ADDRESS_SPACE (512ull << 20)

static pid_t clone_with(uint64_t flags, int *ret_pidfd)
{
        struct clone_args args = {
                .flags = flags | CLONE_PIDFD,
                .pidfd = (uint64_t)(uintptr_t)ret_pidfd,
                .exit_signal = SIGCHLD,
        };

        return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

#define NAMESPACES                                                                                 \
        (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)

/* The end of the pipe without a byte: the maps could not be had, and the parent has said why. */
static int await_maps(int pipe)
{
        char word;

        if (read(pipe, &word, 1) != 1)
                _exit(1);
        return 1;
}

static int fork_mapped(const struct id_maps *maps, struct child *ret_child, struct err *e)
{
        autochild child = CHILD_NONE;
        autofd theirs = -1;
        autofd ours = -1;

        if (fd_pipe(&theirs, &ours, e) < 0)
                return -e->code;
        pid_t pid = clone_with(NAMESPACES, &child.pidfd);
        if (pid == 0) {
                fd_close(&ours);
                return await_maps(theirs);
        }
        if (pid < 0) {
                err_sys(e, "cannot create a user namespace for subordinate ids");
                e->code = SUBIDS_ERROR;
                return -e->code;
        }
        child.pid = pid;
        if (id_maps_write(pid, maps, e) < 0) {
                e->code = SUBIDS_ERROR;
                return -e->code;
        }
        if (io_write_all(ours, "", 1, "the pipe to the reader of the archive", e) < 0)
                return -e->code;
        *ret_child = child;
        child = (struct child)CHILD_NONE;
        return 0;
}

int jail_fork(const struct id_maps *maps, bool keeps_ids, struct child *ret_child,
              bool *ret_has_namespaces, struct err *e)
{
        int pidfd = -1;

        *ret_has_namespaces = true;
        if (maps)
                return fork_mapped(maps, ret_child, e);
        pid_t pid = clone_with(keeps_ids ? NAMESPACES & ~CLONE_NEWUSER : NAMESPACES, &pidfd);
        *ret_has_namespaces = pid >= 0;
        if (pid < 0)
                pid = clone_with(0, &pidfd);
        if (pid < 0)
                return err_sys(e, "cannot start a process to read the archive");
        if (pid == 0)
                return 1;
        ret_child->pid = pid;
        ret_child->pidfd = pidfd;
        return 0;
}

/* ------ namespaces ------ */

static int write_maps(uid_t uid, gid_t gid, struct err *e)
{
        char map[64];

        if (io_write_file(AT_FDCWD, "/proc/self/setgroups", "deny", e) < 0)
                return -e->code;
        snprintf(map, sizeof(map), "%u %u 1\n", gid, gid);
        if (io_write_file(AT_FDCWD, "/proc/self/gid_map", map, e) < 0)
                return -e->code;
        snprintf(map, sizeof(map), "%u %u 1\n", uid, uid);
        return io_write_file(AT_FDCWD, "/proc/self/uid_map", map, e);
}

static int empty_tmpfs(struct err *e)
{
        autofd config = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);

        if (config < 0 || syscall(SYS_fsconfig, config, FSCONFIG_SET_STRING, "size", "4k", 0) < 0 ||
            syscall(SYS_fsconfig, config, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                return err_sys(e, "cannot make an empty root");
        int fd = (int)syscall(SYS_fsmount, config, FSMOUNT_CLOEXEC,
                              MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
                                      MOUNT_ATTR_NOEXEC);
        if (fd < 0)
                return err_sys(e, "cannot mount an empty root");
        return fd;
}

/* An empty root on top of the old one, which goes out of sight with everything below it. */
static int change_root(struct err *e)
{
        autofd place = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (place < 0)
                return err_sys(e, "cannot open '/'");
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return err_sys(e, "cannot make mounts private");
        autofd root = empty_tmpfs(e);
        if (root < 0)
                return root;
        if (syscall(SYS_move_mount, root, "", place, "",
                    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0 ||
            fchdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
            umount2(".", MNT_DETACH) < 0)
                return err_sys(e, "cannot enter an empty root");
        return 0;
}

/* ------ rights and limits ------ */

static int drop_rights(uint64_t keep, struct err *e)
{
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2] = {
                { .effective = (uint32_t)keep, .permitted = (uint32_t)keep },
                { .effective = (uint32_t)(keep >> 32), .permitted = (uint32_t)(keep >> 32) },
        };

        if (syscall(SYS_capset, &header, data) < 0)
                return err_sys(e, "cannot drop capabilities");
        return harden_process(e);
}

static int set_limit(int resource, rlim_t most, const char *what, struct err *e)
{
        struct rlimit now;
        struct rlimit limit = { most, most };

        if (getrlimit((__rlimit_resource_t)resource, &now) < 0)
                return err_sys(e, "cannot read the limit of %s", what);
        if (now.rlim_max != RLIM_INFINITY && now.rlim_max < most)
                limit = (struct rlimit){ now.rlim_max, now.rlim_max };
        if (setrlimit((__rlimit_resource_t)resource, &limit) < 0)
                return err_sys(e, "cannot limit %s", what);
        return 0;
}

static int set_limits(struct err *e)
{
        /* one heap for all threads: a heap each would take 64 MiB of addresses */
        mallopt(M_ARENA_MAX, 1);
        if (!HAS_ASAN && set_limit(RLIMIT_AS, ADDRESS_SPACE, "memory", e) < 0)
                return -e->code;
        if (set_limit(RLIMIT_NOFILE, 256, "open files", e) < 0 ||
            set_limit(RLIMIT_MEMLOCK, 0, "locked memory", e) < 0)
                return -e->code;
        return 0;
}

static int close_descriptors(const struct jail_spec *spec, struct err *e)
{
        autofd null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (null_fd < 0)
                return err_sys(e, "cannot open '/dev/null'");
        for (int fd = 0; fd <= 2; fd++) {
                if (dup2(null_fd, fd) < 0)
                        return err_sys(e, "cannot close descriptor %d", fd);
        }
        fd_close(&null_fd);
        return fd_close_others(spec->fds, spec->n_fds, e);
}

/* Which walls there are; both or one of them. */
static int wall_off(const struct jail_spec *spec, bool has_namespaces, struct err *e)
{
        bool has_own_ids = has_namespaces || spec->keeps_ids;
        struct err root_err = { 0 };
        bool has_root = has_namespaces && change_root(&root_err) == 0;

        if (drop_rights(has_own_ids ? spec->keep_caps : 0, e) < 0 || set_limits(e) < 0)
                return -e->code;
        int r = jail_restrict_files(spec, e);
        if (r < 0 && !(r == -EOPNOTSUPP && has_root))
                return err_hint(e, "reading archives needs user namespaces or Landlock; "
                                   "`kelp doctor` says what is missing");
        *e = (struct err){ 0 };
        return 0;
}

int jail_close(const struct jail_spec *spec, bool has_namespaces, int parent_pidfd, struct err *e)
{
        if (proc_reset_signals(e) < 0)
                return -e->code;
        umask(0);
        if (has_namespaces && !spec->maps && !spec->keeps_ids &&
            write_maps(spec->uid, spec->gid, e) < 0)
                return -e->code;
        if (proc_die_with(parent_pidfd, e) < 0 || close_descriptors(spec, e) < 0 ||
            wall_off(spec, has_namespaces, e) < 0)
                return -e->code;
        return jail_restrict_syscalls(spec, e);
}
