#include "mount-idmap.h"

#include "fd.h"
#include "io.h"
#include "newmount.h"
#include "userns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proc.h"

struct hello {
        int32_t pid; /* as the /proc here has it, which may belong to another pid namespace */
        struct err err;
};

/* In the child: is the first in a new user namespace, and waits until its parent has seen it. */
static void be_namespace(int sock)
{
        struct hello hello = { 0 };
        char link[32];
        char byte;

        if (unshare(CLONE_NEWUSER) < 0)
                err_sys(&hello.err, "cannot make a user namespace");
        ssize_t n = readlink("/proc/self", link, sizeof(link) - 1);
        if (n > 0) {
                link[n] = '\0';
                hello.pid = (int32_t)strtol(link, NULL, 10);
        }
        if (hello.pid <= 0 && hello.err.code == 0)
                err_set(&hello.err, ESRCH, "cannot tell a process in '/proc'");
        struct err unused = { 0 };
        if (io_send(sock, &hello, sizeof(hello), NULL, 0, &unused) == 0)
                io_receive(sock, &byte, 1, NULL, 0, NULL, &unused);
        _exit(0);
}

static int write_maps(pid_t pid, const struct bundle_mount *m, struct err *e)
{
        char text[ID_MAP_TEXT_MAX];
        autofd proc = userns_open_process(pid, e);

        if (proc < 0)
                return -e->code;
        id_map_print(&m->uids, text, sizeof(text));
        if (io_write_file(proc, "uid_map", text, e) < 0)
                return -e->code;
        id_map_print(&m->gids, text, sizeof(text));
        if (io_write_file(proc, "gid_map", text, e) < 0)
                return -e->code;
        int fd = openat(proc, "ns/user", O_RDONLY | O_CLOEXEC);
        return fd < 0 ? err_sys(e, "cannot open a user namespace") : fd;
}

/* A namespace with the mount's own maps: it lives on in the descriptor. */
static int make_namespace(const struct bundle_mount *m, struct err *e)
{
        autofd sock = -1;
        struct hello hello;
        struct child child = CHILD_NONE;
        size_t n_fds = 0;
        pid_t pid = proc_fork_linked(&sock, e);

        if (pid < 0)
                return -e->code;
        if (pid == 0)
                be_namespace(sock);
        child.pid = pid;
        ssize_t n = io_receive(sock, &hello, sizeof(hello), NULL, 0, &n_fds, e);
        autofd fd = -1;
        if (n == (ssize_t)sizeof(hello) && hello.err.code == 0)
                fd = write_maps(hello.pid, m, e);
        else if (n == (ssize_t)sizeof(hello))
                *e = hello.err;
        else if (n >= 0)
                err_set(e, EPROTO, "a process for a user namespace ended");
        proc_kill_child(&child);
        return fd < 0 ? -e->code : fd_take(&fd);
}

int mount_idmap_set(const struct rootfs_spec *spec, const struct bundle_mount *m, int mount,
                    struct err *e)
{
        autofd ns = -1;

        if (m->idmap == BUNDLE_IDMAP_NONE)
                return 0;
        if (m->uids.n > 0 || m->gids.n > 0)
                ns = make_namespace(m, e);
        else if ((ns = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC)) < 0)
                err_sys(e, "cannot open '/proc/self/ns/user'");
        if (ns < 0)
                return -e->code;
        const struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)ns };
        if (newmount_change(mount, &attr, m->idmap == BUNDLE_IDMAP_RECURSIVE, e) == 0)
                return 0;
        err_prefix(e, "cannot map its ids");
        if (e->code == EPERM && !spec->is_root)
                err_hint(e, "only root may map the ids of a file system of the host's");
        return -e->code;
}
