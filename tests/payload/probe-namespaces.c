#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Namespaces: own ones, and no way to make or enter others. */

static const char *const ns_names[] = { "user", "mnt", "pid", "net", "ipc", "uts", "cgroup" };
#define N_NS (sizeof(ns_names) / sizeof(ns_names[0]))

/* ns.user=user:[4026531837] and so on: the host's; shared_ns=net is meant to be the host's */
static void check_namespaces(struct report *r, const struct facts *f)
{
        for (size_t i = 0; i < N_NS; i++) {
                char path[64];
                char key[32];
                char mine[128];

                snprintf(path, sizeof(path), "/proc/self/ns/%s", ns_names[i]);
                snprintf(key, sizeof(key), "ns.%s", ns_names[i]);
                ssize_t n = readlink(path, mine, sizeof(mine) - 1);
                mine[n < 0 ? 0 : n] = '\0';
                const char *host = fact(f, key);
                if (!host || list_has(fact(f, "shared_ns"), ns_names[i]))
                        continue;
                report_item(r, n < 0 || strcmp(mine, host) == 0, PROVABLE, "%s, the host's is %s",
                            n < 0 ? "cannot be read" : mine, host);
        }
}

static long do_unshare(void *arg)
{
        return syscall(SYS_unshare, *(unsigned long *)arg);
}

/* The flags of a raw clone with SIGCHLD; the child ends at once. */
static long do_clone(void *arg)
{
        long pid = syscall(SYS_clone, *(unsigned long *)arg | SIGCHLD, 0, 0, 0, 0);

        if (pid == 0)
                _exit(0);
        if (pid > 0)
                waitpid((pid_t)pid, NULL, 0);
        return pid;
}

static long do_clone3(void *arg)
{
        struct clone_args args = { .flags = *(unsigned long *)arg, .exit_signal = SIGCHLD };
        long pid = syscall(SYS_clone3, &args, sizeof(args));

        if (pid == 0)
                _exit(0);
        if (pid > 0)
                waitpid((pid_t)pid, NULL, 0);
        return pid;
}

static long raise_max_userns(void *arg)
{
        int fd = open("/proc/sys/user/max_user_namespaces", O_WRONLY | O_CLOEXEC);
        (void)arg;

        if (fd < 0)
                return -1;
        return write(fd, "100\n", 4);
}

/* ENOSPC is the sysctl's word for no. */
static void expect_no_namespace(struct report *r, const char *what, attempt_fn *fn,
                                unsigned long flags)
{
        struct outcome o = attempt(fn, &flags);

        report_item(r, !is_denied(&o) && o.err != ENOSPC, PROVABLE, "%s (%s)", what,
                    outcome_text(&o));
}

static void check_userns(struct report *r, const struct facts *f)
{
        const unsigned long high = 1UL << 32;
        (void)f;

        expect_fails(r, UNPROVABLE, "write /proc/sys/user/max_user_namespaces", raise_max_userns,
                     NULL);
        expect_no_namespace(r, "unshare(CLONE_NEWUSER)", do_unshare, CLONE_NEWUSER);
        expect_no_namespace(r, "unshare(CLONE_NEWUSER|CLONE_NEWNS)", do_unshare,
                            CLONE_NEWUSER | CLONE_NEWNS);
        expect_no_namespace(r, "clone(CLONE_NEWUSER)", do_clone, CLONE_NEWUSER);
        expect_no_namespace(r, "clone(CLONE_NEWUSER|1<<32)", do_clone, CLONE_NEWUSER | high);
        expect_no_namespace(r, "clone3(CLONE_NEWUSER)", do_clone3, CLONE_NEWUSER);
}

static void check_clone3(struct report *r, const struct facts *f)
{
        unsigned long flags = 0;
        struct outcome o = attempt(do_clone3, &flags);
        (void)f;

        report_item(r, o.err != ENOSYS, PROVABLE, "clone3 (%s)", outcome_text(&o));
}

/* The limit in the namespace itself, without the help of seccomp. */
static void check_userns_limit(struct report *r, const struct facts *f)
{
        char text[64];
        long n = read_text("/proc/sys/user/max_user_namespaces", text, sizeof(text));
        (void)f;

        report_item(r, n < 0 || atol(text) > 1, PROVABLE, "max_user_namespaces is %s",
                    strtok(text, "\n") ? text : "unreadable");
}

static const struct {
        const char *name;
        unsigned long flag;
        enum proof proof;
} kinds[] = {
        { "CLONE_NEWNS", CLONE_NEWNS, PROVABLE },
        { "CLONE_NEWNET", CLONE_NEWNET, PROVABLE },
        { "CLONE_NEWPID", CLONE_NEWPID, PROVABLE },
        { "CLONE_NEWIPC", CLONE_NEWIPC, PROVABLE },
        { "CLONE_NEWUTS", CLONE_NEWUTS, PROVABLE },
        { "CLONE_NEWCGROUP", CLONE_NEWCGROUP, PROVABLE },
        { "CLONE_NEWTIME", CLONE_NEWTIME, UNPROVABLE },
};

static void check_unshare(struct report *r, const struct facts *f)
{
        (void)f;
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                char what[64];
                unsigned long flag = kinds[i].flag;

                snprintf(what, sizeof(what), "unshare(%s)", kinds[i].name);
                expect_denied(r, kinds[i].proof, what, do_unshare, &flag);
                if (flag == CLONE_NEWTIME)
                        continue; /* a part of the exit signal in clone(2) */
                snprintf(what, sizeof(what), "clone(%s)", kinds[i].name);
                expect_denied(r, kinds[i].proof, what, do_clone, &flag);
        }
}

static long do_setns(void *arg)
{
        char path[64];

        snprintf(path, sizeof(path), "/proc/self/ns/%s", (const char *)arg);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        return fd < 0 ? -1 : syscall(SYS_setns, fd, 0);
}

static long do_setns_pidfd(void *arg)
{
        int fd = (int)syscall(SYS_pidfd_open, 1, 0);
        (void)arg;

        return fd < 0 ? -1 : syscall(SYS_setns, fd, CLONE_NEWNS | CLONE_NEWNET);
}

static void check_setns(struct report *r, const struct facts *f)
{
        (void)f;
        for (size_t i = 0; i < N_NS; i++) {
                char what[64];

                snprintf(what, sizeof(what), "setns(%s)", ns_names[i]);
                expect_denied(r, PROVABLE, what, do_setns, (void *)(size_t)ns_names[i]);
        }
        expect_denied(r, UNPROVABLE, "setns(pidfd of pid 1)", do_setns_pidfd, NULL);
}

const struct check checks_namespaces[] = {
        { "namespaces", "host", "ns.user", check_namespaces },
        { "userns", "host", NULL, check_userns },
        { "userns-limit", "host", NULL, check_userns_limit },
        { "clone3", "host", NULL, check_clone3 },
        { "unshare", "userns", NULL, check_unshare },
        { "setns", "userns", NULL, check_setns },
        { NULL, NULL, NULL, NULL },
};
