#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

/*
 * The isolation of a run as text: two runs of the same plan print the same lines.  What differs
 * from run to run without meaning (inode numbers, pids) is left out.
 */

extern char **environ;

static void print_status(void)
{
        static const char *const names[] = {
                "Uid",    "Gid",    "Groups", "CapInh", "CapPrm",     "CapEff",  "CapBnd",
                "CapAmb", "SigBlk", "SigIgn", "Umask",  "NoNewPrivs", "Seccomp", "Seccomp_filters"
        };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                printf("status %s %s\n", names[i], status_field(names[i]));
        printf("securebits %x\n", (unsigned)prctl(PR_GET_SECUREBITS));
        printf("dumpable %d\n", prctl(PR_GET_DUMPABLE));
}

static void print_file(const char *path)
{
        char text[4096];
        long n = read_text(path, text, sizeof(text));

        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
                printf("%s %s\n", path, line);
        if (n <= 0)
                printf("%s %s\n", path, n < 0 ? strerrorname_np(errno) : "empty");
}

/* Numbers differ from run to run: what counts is whether it is the host's, told by facts. */
static void print_namespaces(const struct facts *f)
{
        static const char *const names[] = { "user", "mnt", "pid",    "net",
                                             "ipc",  "uts", "cgroup", "time" };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                char path[64];
                char key[32];
                char to[64] = "";

                snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
                snprintf(key, sizeof(key), "ns.%s", names[i]);
                if (readlink(path, to, sizeof(to) - 1) < 0)
                        snprintf(to, sizeof(to), "%s", strerrorname_np(errno));
                const char *host = fact(f, key);
                printf("namespace %s %s\n", names[i],
                       !host                   ? "unknown"
                       : strcmp(host, to) == 0 ? "the host's"
                                               : "own");
        }
}

static int compare_text(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

static void print_environment(void)
{
        size_t n = 0;

        while (environ[n])
                n++;
        qsort(environ, n, sizeof(*environ), compare_text);
        for (size_t i = 0; i < n; i++)
                printf("env %s\n", environ[i]);
}

static void print_fds(void)
{
        for (int fd = 0; fd < 1024; fd++) {
                struct stat st;

                if (fstat(fd, &st) == 0)
                        printf("fd %d type %o flags %x\n", fd, st.st_mode & S_IFMT,
                               (unsigned)fcntl(fd, F_GETFL) & ~(unsigned)O_APPEND);
        }
}

static void print_interfaces(void)
{
        struct if_nameindex *list = if_nameindex();

        for (struct if_nameindex *i = list; i && i->if_index; i++) {
                struct ifreq req = { 0 };
                int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

                snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", i->if_name);
                int rc = ioctl(fd, SIOCGIFFLAGS, &req);
                printf("interface %s %s\n", i->if_name,
                       rc < 0                   ? "unknown"
                       : req.ifr_flags & IFF_UP ? "up"
                                                : "down");
                close(fd);
        }
        if (list)
                if_freenameindex(list);
}

static void print_limits(void)
{
        for (int i = 0; i < RLIM_NLIMITS; i++) {
                struct rlimit lim = { 0, 0 };

                getrlimit(i, &lim);
                printf("rlimit %d %llu %llu\n", i, (unsigned long long)lim.rlim_cur,
                       (unsigned long long)lim.rlim_max);
        }
}

/* What filter and Landlock answer to a few calls. */
static void print_answers(void)
{
        const long high = 1L << 32;
        const struct call calls[] = {
                { "unshare", SYS_unshare, PROVABLE, { 0x10000000 } },
                { "mount", SYS_mount, PROVABLE, { 0, 0, 0, 0, 0 } },
                { "setns", SYS_setns, PROVABLE, { -1, 0 } },
                { "keyctl", SYS_keyctl, PROVABLE, { 0, -3, 0 } },
                { "bpf", SYS_bpf, PROVABLE, { 5, 0, 0 } },
                { "io_uring_setup", SYS_io_uring_setup, PROVABLE, { 1, 0 } },
                { "clone3", SYS_clone3, PROVABLE, { 0, 0 } },
                { "open_tree", SYS_open_tree, PROVABLE, { -1, 0, 0 } },
                { "tiocsti", SYS_ioctl, PROVABLE, { -1, TIOCSTI | (1L << 40), 0 } },
                { "vsock", SYS_socket, PROVABLE, { 40, 1, 0 } },
                { "netlink", SYS_socket, PROVABLE, { 16 | high, 3, 9 } },
                { "process_vm_readv", SYS_process_vm_readv, PROVABLE, { 1, 0, 0, 0, 0, 0 } },
                { "number 600", 600, PROVABLE, { 0 } },
                { "kill 1", SYS_kill, PROVABLE, { 1, 0 } },
                { NULL, 0, PROVABLE, { 0 } },
        };

        for (const struct call *c = calls; c->name; c++) {
                struct outcome o = attempt_call(c);

                printf("answer %s %s\n", c->name, outcome_text(&o));
        }
        int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
        int rc = ioctl(fd, 0x4b45, 0);
        printf("answer device-ioctl %s\n", rc == 0 ? "worked" : strerrorname_np(errno));
        close(fd);
}

int fingerprint(const struct facts *f)
{
        struct utsname u;
        char cwd[4096];

        print_status();
        print_file("/proc/self/uid_map");
        print_file("/proc/self/gid_map");
        print_file("/proc/self/setgroups");
        print_file("/proc/sys/user/max_user_namespaces");
        print_namespaces(f);
        print_mounts();
        print_environment();
        print_fds();
        print_interfaces();
        print_limits();
        print_answers();
        uname(&u);
        printf("hostname %s\n", u.nodename);
        printf("cwd %s\n", getcwd(cwd, sizeof(cwd)) ? cwd : strerrorname_np(errno));
        printf("session %s\n", getsid(0) == getpid() || getsid(0) == 0 ? "odd" : "shared");
        return 0;
}
