/*
 * What a filter costs: to load, and to each system call under it.
 *
 *     seccomp-cost FILTER.bpf...
 *
 * Medians.  A filter cannot be taken off again, so every measurement is made by a new child.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOADS  301
#define ROUNDS 15
#define CALLS  100000

struct filter {
        struct sock_filter insns[BPF_MAXINSNS];
        unsigned short len;
};

/* nanoseconds; written by the child */
struct figures {
        double load;
        double getppid, ioctl, clone, socket, refused;
};

static double now(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
        double x = *(const double *)a;
        double y = *(const double *)b;

        return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
        qsort(values, n, sizeof(*values), compare);
        return values[n / 2];
}

static void fail(const char *what)
{
        fprintf(stderr, "seccomp-cost: %s: %s\n", what, strerror(errno));
        exit(2);
}

static void read_filter(struct filter *filter, const char *path)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, filter->insns, sizeof(filter->insns));

        if (n <= 0)
                fail(path);
        filter->len = (unsigned short)((size_t)n / sizeof(filter->insns[0]));
        close(fd);
}

static double load(struct filter *filter)
{
        struct sock_fprog program = { .len = filter->len, .filter = filter->insns };

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
                fail("no_new_privs");
        double start = now();
        if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
                fail("seccomp");
        return now() - start;
}

static double time_calls(long nr, long a0, long a1, long a2)
{
        double start = now();

        for (int i = 0; i < CALLS; i++)
                syscall(nr, a0, a1, a2);
        return (now() - start) / CALLS;
}

static void measure(struct filter *filter, bool only_load, struct figures *figures)
{
        if (filter)
                figures->load = load(filter);
        if (only_load)
                return;
        figures->getppid = time_calls(SYS_getppid, 0, 0, 0);
        figures->ioctl = time_calls(SYS_ioctl, -1, TCGETS, 0);
        /* refused by the kernel itself, behind the filter */
        figures->clone = time_calls(SYS_clone, 0x10000, 0, 0);
        figures->socket = time_calls(SYS_socket, AF_INET6, SOCK_STREAM, 17);
        figures->refused = time_calls(SYS_ptrace, -1, -1, 0);
}

static void measure_in_child(struct filter *filter, bool only_load, struct figures *shared)
{
        pid_t pid = fork();
        int status;

        if (pid < 0)
                fail("fork");
        if (pid == 0) {
                measure(filter, only_load, shared);
                _exit(0);
        }
        if (waitpid(pid, &status, 0) != pid || status != 0)
                fail("a child failed");
}

static double field(const struct figures *figures, size_t offset)
{
        double value;

        memcpy(&value, (const char *)figures + offset, sizeof(value));
        return value;
}

static void report(const char *name, struct filter *filter, struct figures *shared)
{
        static const size_t offsets[] = {
                offsetof(struct figures, getppid), offsetof(struct figures, ioctl),
                offsetof(struct figures, clone),   offsetof(struct figures, socket),
                offsetof(struct figures, refused),
        };
        static double loads[LOADS];
        struct figures rounds[ROUNDS];

        for (size_t i = 0; i < LOADS; i++) {
                measure_in_child(filter, true, shared);
                loads[i] = shared->load;
        }
        for (size_t i = 0; i < ROUNDS; i++) {
                measure_in_child(filter, false, shared);
                rounds[i] = *shared;
        }
        printf("%-28s %5u %8.1f", name, filter ? filter->len : 0u, median(loads, LOADS) / 1000);
        for (size_t o = 0; o < sizeof(offsets) / sizeof(offsets[0]); o++) {
                double values[ROUNDS];

                for (size_t i = 0; i < ROUNDS; i++)
                        values[i] = field(&rounds[i], offsets[o]);
                printf(" %8.1f", median(values, ROUNDS));
        }
        putchar('\n');
}

int main(int argc, char **argv)
{
        struct figures *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
                                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        if (shared == MAP_FAILED)
                fail("mmap");
        printf("%-28s %5s %8s %8s %8s %8s %8s %8s\n", "filter", "insns", "load us", "getppid",
               "ioctl", "clone", "socket", "ptrace");
        report("(none)", NULL, shared);
        for (int i = 1; i < argc; i++) {
                struct filter filter;
                const char *slash = strrchr(argv[i], '/');

                read_filter(&filter, argv[i]);
                report(slash ? slash + 1 : argv[i], &filter, shared);
        }
        return 0;
}
