#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

/* /proc of the other processes, above all of pid 1, which was forked from the launcher. */

static long open_read(void *arg)
{
        char c;
        int fd = open(arg, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

        if (fd < 0)
                return -1;
        return read(fd, &c, 1) < 0 && errno != EISDIR ? -1 : 0;
}

static long open_only(void *arg)
{
        return open(arg, O_RDONLY | O_CLOEXEC);
}

static long open_write(void *arg)
{
        return open(arg, O_RDWR | O_CLOEXEC | O_NONBLOCK);
}

static long open_exe(void *arg)
{
        int fd = open(arg, O_WRONLY | O_CLOEXEC);

        if (fd < 0 && errno == ETXTBSY)
                return 0; /* it was found, and can be opened when it does not run */
        return fd;
}

static long read_link(void *arg)
{
        char to[64];

        return readlink(arg, to, sizeof(to));
}

static long list_dir(void *arg)
{
        return open(arg, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void ignore_entry(const char *dir, const char *name, void *arg)
{
        (void)dir;
        (void)name;
        ++*(long *)arg;
}

static long list_entries(void *arg)
{
        long n = 0;

        return dir_each(arg, ignore_entry, &n) < 0 ? -1 : n;
}

static long chmod_file(void *arg)
{
        struct stat st;

        if (stat(arg, &st) < 0)
                return -1;
        return chmod(arg, st.st_mode & 07777);
}

static long utime_file(void *arg)
{
        return utimensat(AT_FDCWD, arg, NULL, 0);
}

static long xattr_file(void *arg)
{
        return setxattr(arg, "user.kelp", "x", 1, 0);
}

static long link_file(void *arg)
{
        char to[64];

        snprintf(to, sizeof(to), "exe-%d", getpid());
        if (linkat(AT_FDCWD, arg, AT_FDCWD, to, AT_SYMLINK_FOLLOW) < 0)
                return -1;
        unlink(to);
        return 0;
}

static const struct {
        const char *name;
        attempt_fn *fn;
        enum proof proof;
} pid1_ways[] = {
        { "environ", open_read, PROVABLE },
        { "auxv", open_read, PROVABLE },
        { "mem", open_write, PROVABLE },
        { "maps", open_read, PROVABLE },
        { "stack", open_read, UNPROVABLE },
        { "syscall", open_read, UNPROVABLE },
        { "exe", read_link, PROVABLE },
        { "exe", open_read, PROVABLE },
        { "exe", open_exe, PROVABLE },
        { "exe", chmod_file, PROVABLE },
        { "exe", utime_file, PROVABLE },
        { "exe", xattr_file, UNPROVABLE },
        { "exe", link_file, UNPROVABLE },
        { "root", list_dir, PROVABLE },
        { "root/", list_dir, PROVABLE },
        { "cwd", read_link, PROVABLE },
        { "cwd/", list_dir, PROVABLE },
        { "fd", list_entries, PROVABLE },
        { "fdinfo", list_entries, PROVABLE },
        { "map_files", list_entries, UNPROVABLE },
        { "ns/mnt", read_link, PROVABLE },
        { "ns/user", open_only, PROVABLE },
        { "task/1/environ", open_read, PROVABLE },
        { "task/1/root/", list_dir, PROVABLE },
        { "personality", open_read, PROVABLE },
        { "io", open_read, UNPROVABLE },
};

static void check_pid1(struct report *r, const struct facts *f)
{
        char path[256];
        char text[4096];
        (void)f;

        for (size_t i = 0; i < sizeof(pid1_ways) / sizeof(pid1_ways[0]); i++) {
                snprintf(path, sizeof(path), "/proc/1/%s", pid1_ways[i].name);
                expect_fails(r, pid1_ways[i].proof, path, pid1_ways[i].fn, path);
        }
        long n = read_text("/proc/1/cmdline", text, sizeof(text));
        bool has_path = false;
        for (long i = 0; i < n; i++)
                has_path |= text[i] == '/';
        report_item(r, has_path, PROVABLE, "/proc/1/cmdline names no path");
}

static long seize_pid1(void *arg)
{
        (void)arg;
        return ptrace(PTRACE_SEIZE, 1, NULL, NULL);
}

static long attach_pid1(void *arg)
{
        (void)arg;
        if (ptrace(PTRACE_ATTACH, 1, NULL, NULL) < 0)
                return -1;
        /* let it go again, or it stays stopped */
        waitpid(1, NULL, __WALL);
        return ptrace(PTRACE_DETACH, 1, NULL, NULL);
}

static long read_pid1(void *arg)
{
        char c;
        struct iovec local = { &c, 1 };
        struct iovec remote = { (void *)(intptr_t)4096, 1 };
        (void)arg;

        return process_vm_readv(1, &local, 1, &remote, 1, 0);
}

static long write_pid1(void *arg)
{
        char c = 0;
        struct iovec local = { &c, 1 };
        struct iovec remote = { (void *)(intptr_t)4096, 1 };
        (void)arg;

        return process_vm_writev(1, &local, 1, &remote, 1, 0);
}

static long steal_fd(void *arg)
{
        int pidfd = (int)syscall(SYS_pidfd_open, 1, 0);
        (void)arg;

        return pidfd < 0 ? -1 : syscall(SYS_pidfd_getfd, pidfd, 0, 0);
}

static long compare_pid1(void *arg)
{
        (void)arg;
        return syscall(SYS_kcmp, 1, getpid(), 0, 0, 0);
}

static void check_trace(struct report *r, const struct facts *f)
{
        (void)f;
        expect_denied(r, PROVABLE, "ptrace(SEIZE, 1)", seize_pid1, NULL);
        expect_denied(r, PROVABLE, "ptrace(ATTACH, 1)", attach_pid1, NULL);
        expect_denied(r, PROVABLE, "process_vm_readv(1)", read_pid1, NULL);
        expect_denied(r, PROVABLE, "process_vm_writev(1)", write_pid1, NULL);
        expect_denied(r, PROVABLE, "pidfd_getfd(1)", steal_fd, NULL);
        expect_denied(r, UNPROVABLE, "kcmp(1)", compare_pid1, NULL);
}

struct scan {
        const char *secret;
        unsigned n_pids;
        unsigned n_secrets;
        long highest;
        char where[4096];
};

static void scan_text(struct scan *s, const char *pid, const char *what)
{
        static char text[1 << 17];
        char path[256];

        snprintf(path, sizeof(path), "/proc/%s/%s", pid, what);
        long n = read_text(path, text, sizeof(text));
        if (n > 0 && memmem(text, (size_t)n, s->secret, strlen(s->secret))) {
                s->n_secrets++;
                snprintf(s->where, sizeof(s->where), "%s", path);
        }
}

static void scan_pid(const char *dir, const char *name, void *arg)
{
        struct scan *s = arg;
        char *end;
        long pid = strtol(name, &end, 10);
        (void)dir;

        if (*end)
                return;
        s->n_pids++;
        if (pid > s->highest)
                s->highest = pid;
        if (s->secret && pid != getpid()) {
                scan_text(s, name, "environ");
                scan_text(s, name, "cmdline");
        }
        if (s->secret && pid == getpid())
                scan_text(s, name, "environ");
}

/* secret=TEXT: in the environment and the arguments of the launcher, nowhere inside */
static void check_secret(struct report *r, const struct facts *f)
{
        struct scan s = { .secret = fact(f, "secret") };

        dir_each("/proc", scan_pid, &s);
        report_item(r, s.n_secrets, PROVABLE, "the secret in %u places %s", s.n_secrets, s.where);
}

static long signal_pid(void *arg)
{
        return kill((pid_t) * (unsigned long *)arg, 0);
}

/* host_pid=N: a process of the same user on the host */
static void check_processes(struct report *r, const struct facts *f)
{
        struct scan s = { 0 };
        unsigned long host = fact_number(f, "host_pid", 10, 0);
        struct stat st;
        char path[64];

        dir_each("/proc", scan_pid, &s);
        report_item(r, s.n_pids > 20, UNPROVABLE, "%u processes, the highest is %ld", s.n_pids,
                    s.highest);
        snprintf(path, sizeof(path), "/proc/%lu", host);
        report_item(r, stat(path, &st) == 0, PROVABLE, "%s is not there", path);
        expect_fails(r, PROVABLE, "kill(host process, 0)", signal_pid, &host);
}

const struct check checks_proc[] = {
        { "pid1", "own-pid1", NULL, check_pid1 },
        { "trace", "own-pid1", NULL, check_trace },
        { "secret", "host", "secret", check_secret },
        { "processes", "host", "host_pid", check_processes },
        { NULL, NULL, NULL, NULL },
};
