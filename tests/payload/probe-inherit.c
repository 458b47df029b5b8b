#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* What comes along from outside: descriptors, environment, terminal, keys, mounted devices. */

extern char **environ;

struct fd_scan {
        struct report *r;
        const char *keep;
        const char *allow_dir;
        unsigned n_more;
        unsigned n_dirs;
        unsigned n_paths;
        char more[256];
};

static void scan_fd(const char *dir, const char *name, void *arg)
{
        struct fd_scan *s = arg;
        int fd = atoi(name);
        struct stat st;
        char path[64];
        char target[256];
        (void)dir;

        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        ssize_t n = readlink(path, target, sizeof(target) - 1);
        if (n < 0 || fstat(fd, &st) < 0)
                return;
        target[n] = '\0';
        /* the directory that is being read */
        if (fd > 2 && strstr(target, "/fd") && strncmp(target, "/proc/", 6) == 0)
                return;
        if (fd > 2 && !list_has(s->keep, name)) {
                s->n_more++;
                snprintf(s->more, sizeof(s->more), "%d %.200s", fd, target);
        }
        if (S_ISDIR(st.st_mode))
                s->n_dirs++;
        if (fcntl(fd, F_GETFL) & O_PATH)
                s->n_paths++;
}

/* keep=N,N: descriptors that were asked for */
static void check_fds(struct report *r, const struct facts *f)
{
        struct fd_scan s = { .r = r, .keep = fact(f, "keep") };

        if (dir_each("/proc/self/fd", scan_fd, &s) < 0) {
                report_item(r, true, PROVABLE, "/proc/self/fd cannot be read");
                return;
        }
        report_item(r, s.n_more, PROVABLE, "%u descriptors above 2 %s", s.n_more, s.more);
        report_item(r, s.n_dirs, PROVABLE, "%u of them are directories", s.n_dirs);
        report_item(r, s.n_paths, UNPROVABLE, "%u of them are O_PATH", s.n_paths);
}

/* env=NAME,NAME: the only variables that may be there */
static void check_env(struct report *r, const struct facts *f)
{
        unsigned n_more = 0;
        char more[256] = "";

        for (char **e = environ; *e; e++) {
                char name[256];

                snprintf(name, sizeof(name), "%.*s", (int)strcspn(*e, "="), *e);
                if (list_has(fact(f, "env"), name) || strncmp(name, "LC_", 3) == 0)
                        continue;
                if (n_more++ == 0)
                        snprintf(more, sizeof(more), "%s", name);
        }
        report_item(r, n_more, PROVABLE, "%u variables that nobody asked for %s", n_more, more);
}

struct ioctl_call {
        const char *name;
        unsigned long request;
};

static long do_ioctl(void *arg)
{
        return syscall(SYS_ioctl, -1, *(unsigned long *)arg, "x");
}

/* On a descriptor that does not exist: EBADF says that no filter stood in the way. */
static void check_tty_ioctls(struct report *r, const struct facts *f)
{
        static const struct ioctl_call calls[] = {
                { "TIOCSTI", TIOCSTI },
                { "TIOCLINUX", TIOCLINUX },
                { "TIOCSETD", TIOCSETD },
                { "TIOCCONS", TIOCCONS },
        };
        (void)f;

        for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
                char what[64];
                unsigned long request = calls[i].request;

                expect_denied(r, PROVABLE, calls[i].name, do_ioctl, &request);
                request |= 0x123UL << 32;
                snprintf(what, sizeof(what), "%s with high bits", calls[i].name);
                expect_denied(r, PROVABLE, what, do_ioctl, &request);
        }
}

/* The descriptors 0 to 2 and /dev/tty must be another terminal than the host's: tty=MAJOR:MINOR:INO */
static void check_tty(struct report *r, const struct facts *f)
{
        const char *host = fact(f, "tty");
        static const char *const paths[] = { "/dev/stdin", "/dev/stdout", "/dev/stderr",
                                             "/dev/tty" };

        for (int i = 0; i < 4; i++) {
                struct stat st;
                char mine[64];
                int fd = i < 3 ? i : open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

                if (fd < 0 || fstat(fd, &st) < 0 || !isatty(fd))
                        continue;
                if (i == 3 && ioctl(fd, TIOCGSID, &(pid_t){ 0 }) < 0)
                        continue;
                /* device numbers of two devpts are alike: the file system tells them apart */
                snprintf(mine, sizeof(mine), "%lu:%lu", (unsigned long)st.st_dev,
                         (unsigned long)st.st_rdev);
                report_item(r, strcmp(mine, host) == 0, i < 3 ? PROVABLE : UNPROVABLE,
                            "%s is %s, the user's is %s", paths[i], mine, host);
        }
        report_item(r, getsid(0) == 0, UNPROVABLE, "a session of its own (%d)", getsid(0));
}

static long open_tty(void *arg)
{
        (void)arg;
        return open("/dev/tty", O_RDWR | O_CLOEXEC);
}

static void check_no_tty(struct report *r, const struct facts *f)
{
        (void)f;
        expect_fails(r, PROVABLE, "open /dev/tty", open_tty, NULL);
        report_item(r, isatty(0) || isatty(1) || isatty(2), PROVABLE,
                    "no standard stream is a terminal");
}

static void check_device(const char *dir, const char *name, void *arg)
{
        static const char known[] =
                "null,zero,full,random,urandom,tty,ptmx,pts,shm,mqueue,fd,stdin,"
                "stdout,stderr,console,core";
        struct report *r = arg;
        char path[512];
        struct stat st;

        snprintf(path, sizeof(path), "%s/%s", dir, name);
        if (list_has(known, name))
                return;
        if (lstat(path, &st) == 0 && !S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
                return;
        report_item(r, true, PROVABLE, "%s", path);
}

static long open_path(void *arg)
{
        return open(arg, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

static long make_node(void *arg)
{
        char name[32];

        snprintf(name, sizeof(name), "node-%d", getpid());
        if (mknod(name, *(mode_t *)arg | 0600, makedev(1, 3)) < 0)
                return -1;
        /* what says that it worked may have made nothing */
        return unlink(name);
}

static void check_devices(struct report *r, const struct facts *f)
{
        static const struct {
                const char *path;
                unsigned major;
                unsigned minor;
        } nodes[] = { { "/dev/null", 1, 3 },   { "/dev/zero", 1, 5 },    { "/dev/full", 1, 7 },
                      { "/dev/random", 1, 8 }, { "/dev/urandom", 1, 9 }, { "/dev/tty", 5, 0 } };
        static const char *const absent[] = { "/dev/kmsg",     "/dev/mem",  "/dev/fuse",
                                              "/dev/kvm",      "/dev/tty0", "/dev/loop0",
                                              "/dev/vhost-net" };
        mode_t kinds[] = { S_IFCHR, S_IFBLK };
        (void)f;

        for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
                struct stat st;
                bool is_right = stat(nodes[i].path, &st) == 0 && S_ISCHR(st.st_mode) &&
                                st.st_rdev == makedev(nodes[i].major, nodes[i].minor);

                report_item(r, !is_right, UNPROVABLE, "%s is what it seems", nodes[i].path);
        }
        dir_each("/dev", check_device, r);
        for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
                expect_fails(r, UNPROVABLE, absent[i], open_path, (void *)(size_t)absent[i]);
        expect_fails(r, UNPROVABLE, "mknod of a character device", make_node, &kinds[0]);
        expect_fails(r, UNPROVABLE, "mknod of a block device", make_node, &kinds[1]);
}

/* Under the control, the host has devices that a sandbox has not. */
static void check_device_list(struct report *r, const struct facts *f)
{
        unsigned before = r->n_open;
        (void)f;

        dir_each("/dev", check_device, r);
        if (r->n_open == before)
                report_item(r, false, PROVABLE, "only the devices of a sandbox in /dev");
}

const struct check checks_inherit[] = {
        { "fds", "leaky", NULL, check_fds },
        { "env", "host", "env", check_env },
        { "tty-ioctls", "host", NULL, check_tty_ioctls },
        { "tty", "tty", "tty", check_tty },
        { "no-tty", "tty", "no_tty", check_no_tty },
        { "devices", "none", NULL, check_devices },
        { "device-list", "host", NULL, check_device_list },
        { NULL, NULL, NULL, NULL },
};
