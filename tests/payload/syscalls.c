/*
 * What the sandbox that this runs in answers to each system call.
 *
 *     probe-syscalls                              one line a probe, on standard output
 *     probe-syscalls --self FILTER.bpf            the same, under that filter alone
 *     probe-syscalls --self FILTER.bpf COMMAND... runs the command under that filter
 *
 * Every probe is made by a child of its own, with arguments that the kernel must refuse, so that
 * a call which blocks, kills or succeeds harms nothing.  Lines are
 *
 *     nr NUMBER ANSWER
 *     socket FAMILY TYPE PROTOCOL ANSWER     (also with the upper halves set: "socket+high")
 *     ioctl NAME ANSWER                      (also "ioctl+high")
 *     prctl|personality|clone|... WHAT ANSWER
 *     abi NAME ANSWER
 *
 * and ANSWER is "ok", "SIGSYS", "skipped", an error that filters use (ENOSYS, EPERM, EAFNOSUPPORT,
 * EPROTONOSUPPORT), or "other": anything else, which only the kernel itself says.  A kernel without some feature says ENOSYS of its own, and a user
 * without privilege gets some EPERM: test-seccomp-kernel.sh knows which answers are the filter's.
 *
 * Static and without our library: it must run in any root, and make no call but its own.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LAST_NR     600
#define UPPER       (0xabcull << 32)
#define N_FAMILIES  47
#define CHILD_LIMIT 2 /* seconds */

/* What a child reports by its exit status. */
enum answer {
        ANSWER_OK,
        ANSWER_OTHER,
        ANSWER_ENOSYS,
        ANSWER_EPERM,
        ANSWER_EAFNOSUPPORT,
        ANSWER_EPROTONOSUPPORT,
        ANSWER_SIGSYS,
        ANSWER_SKIPPED,
};

static const char *const answer_names[] = {
        "ok", "other", "ENOSYS", "EPERM", "EAFNOSUPPORT", "EPROTONOSUPPORT", "SIGSYS", "skipped",
};

struct probe {
        long nr;
        uint64_t args[6];
};

static enum answer answer_of(long r, int code)
{
        if (r != -1)
                return ANSWER_OK;
        switch (code) {
        case ENOSYS:
                return ANSWER_ENOSYS;
        case EPERM:
                return ANSWER_EPERM;
        case EAFNOSUPPORT:
                return ANSWER_EAFNOSUPPORT;
        case EPROTONOSUPPORT:
                return ANSWER_EPROTONOSUPPORT;
        default:
                return ANSWER_OTHER;
        }
}

static enum answer make_call(const void *arg)
{
        const struct probe *p = arg;

        /* no terminal to hang up */
        if (p->nr == SYS_vhangup)
                setsid();
        long r = syscall(p->nr, p->args[0], p->args[1], p->args[2], p->args[3], p->args[4],
                         p->args[5]);

        return answer_of(r, errno);
}

#ifdef __x86_64__
/* getpid by the i386 gate */
static enum answer make_int80(const void *arg)
{
        long r = 20;

        (void)arg;
        __asm__ volatile("int $0x80" : "+a"(r) : : "memory", "cc");
        if (r < 0) {
                errno = (int)-r;
                r = -1;
        }
        return answer_of(r, errno);
}
#endif

/* Runs `make` in a child, and says how that ended. */
static enum answer ask(enum answer (*make)(const void *arg), const void *arg)
{
        pid_t pid = fork();
        int status;

        if (pid < 0) {
                perror("probe-syscalls: fork");
                exit(2);
        }
        if (pid == 0) {
                /* an end to what blocks */
                alarm(CHILD_LIMIT);
                _exit((int)make(arg));
        }
        while (waitpid(pid, &status, 0) < 0) {
                if (errno != EINTR) {
                        perror("probe-syscalls: waitpid");
                        exit(2);
                }
        }
        if (WIFEXITED(status) && WEXITSTATUS(status) < ANSWER_SIGSYS)
                return (enum answer)WEXITSTATUS(status);
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
                return ANSWER_SIGSYS;
        return ANSWER_OTHER;
}

static enum answer ask_call(long nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
        struct probe p = { .nr = nr, .args = { a0, a1, a2 } };

        return ask(make_call, &p);
}

/* Calls whose end says nothing: they do not return, or return twice on one stack. */
static bool is_pointless(long nr)
{
        switch (nr) {
        case SYS_exit:
        case SYS_exit_group:
        case SYS_rt_sigreturn:
#ifdef SYS_vfork
        case SYS_vfork:
#endif
#ifdef SYS_pause
        case SYS_pause:
#endif
                return true;
        default:
                return false;
        }
}

static void sweep_numbers(void)
{
        for (long nr = 0; nr <= LAST_NR; nr++) {
                struct probe p = { .nr = nr };
                enum answer answer = ANSWER_SKIPPED;

                memset(p.args, 0xff, sizeof(p.args));
                /* the kernel itself says ENOSYS to an operation of futex that it does not know */
                if (nr == SYS_futex)
                        p.args[1] = 1;
                if (!is_pointless(nr))
                        answer = ask(make_call, &p);
                printf("nr %ld %s\n", nr, answer_names[answer]);
        }
}

static void probe_socket(const char *name, uint64_t upper, unsigned family, unsigned type,
                         unsigned protocol)
{
        enum answer answer = ask_call(SYS_socket, upper | family, upper | type, upper | protocol);

        printf("%s %u %u %u %s\n", name, family, type, protocol, answer_names[answer]);
}

static void sweep_sockets(const char *name, uint64_t upper)
{
        static const unsigned types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET };

        for (unsigned family = 0; family < N_FAMILIES; family++)
                for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
                        probe_socket(name, upper, family, types[i], 0);
        /* by which AF_INET becomes AF_PACKET */
        probe_socket(name, upper, AF_INET, SOCK_PACKET, 0);
        probe_socket(name, upper, AF_INET, SOCK_STREAM, 132);
        probe_socket(name, upper, AF_INET, SOCK_STREAM, 256);
        probe_socket(name, upper, AF_INET6, SOCK_STREAM, 256);
        for (unsigned protocol = 1; protocol < 23; protocol++)
                probe_socket(name, upper, AF_NETLINK, SOCK_RAW, protocol);
        for (unsigned family = 0; family < N_FAMILIES; family++) {
                int pair[2] = { -1, -1 };
                struct probe p = { .nr = SYS_socketpair,
                                   .args = { upper | family, SOCK_STREAM, 0, (uintptr_t)pair } };

                printf("%s pair %u %s\n", name, family, answer_names[ask(make_call, &p)]);
        }
}

static void sweep_ioctls(const char *name, uint64_t upper)
{
        static const struct {
                const char *name;
                unsigned command;
        } commands[] = {
                { "TCGETS", TCGETS },      { "TIOCGWINSZ", TIOCGWINSZ }, { "FIONREAD", FIONREAD },
                { "TIOCSTI", TIOCSTI },    { "TIOCLINUX", TIOCLINUX },   { "TIOCSETD", TIOCSETD },
                { "TIOCCONS", TIOCCONS },  { "KDGKBTYPE", 0x4b33 },      { "KDSKBENT", 0x4b47 },
                { "VT_ACTIVATE", 0x5606 },
        };

        /* on no descriptor at all: what gets as far as the kernel is EBADF there */
        for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
                enum answer answer =
                        ask_call(SYS_ioctl, (uint64_t)-1, upper | commands[i].command, 0);

                printf("%s %s %s\n", name, commands[i].name, answer_names[answer]);
        }
}

static void print_call(const char *what, long nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
        printf("%s %s\n", what, answer_names[ask_call(nr, a0, a1, a2)]);
}

static void probe_arguments(void)
{
        static const struct {
                const char *name;
                unsigned flag;
        } namespaces[] = {
                { "NEWNS", 0x20000 },     { "NEWCGROUP", 0x2000000 }, { "NEWUTS", 0x4000000 },
                { "NEWIPC", 0x8000000 },  { "NEWUSER", 0x10000000 },  { "NEWPID", 0x20000000 },
                { "NEWNET", 0x40000000 },
        };

        for (size_t i = 0; i < sizeof(namespaces) / sizeof(namespaces[0]); i++) {
                char what[64];

                snprintf(what, sizeof(what), "clone %s", namespaces[i].name);
                print_call(what, SYS_clone, UPPER | namespaces[i].flag | SIGCHLD, 0, 0);
                snprintf(what, sizeof(what), "unshare %s", namespaces[i].name);
                print_call(what, SYS_unshare, namespaces[i].flag, 0, 0);
        }
        print_call("unshare NEWTIME", SYS_unshare, 0x80, 0, 0);
        print_call("clone none", SYS_clone, SIGCHLD, 0, 0);
        print_call("prctl PR_SET_MM", SYS_prctl, UPPER | PR_SET_MM, 1, 0);
        print_call("prctl PR_GET_DUMPABLE", SYS_prctl, PR_GET_DUMPABLE, 0, 0);
        print_call("personality ask", SYS_personality, 0xffffffff, 0, 0);
        print_call("personality PER_LINUX32", SYS_personality, 8, 0, 0);
        print_call("personality ADDR_NO_RANDOMIZE", SYS_personality, UPPER | 0x40000, 0, 0);
        print_call("personality READ_IMPLIES_EXEC", SYS_personality, UPPER | 0x400000, 0, 0);
        /* below no directory: what gets as far as the kernel is EBADF there */
        print_call("mknodat S_IFCHR", SYS_mknodat, (uint64_t)-1, (uintptr_t) "x",
                   UPPER | S_IFCHR | 0600);
        print_call("mknodat S_IFBLK", SYS_mknodat, (uint64_t)-1, (uintptr_t) "x",
                   UPPER | S_IFBLK | 0600);
        print_call("mknodat S_IFIFO", SYS_mknodat, (uint64_t)-1, (uintptr_t) "x", S_IFIFO | 0600);
}

static void probe_abis(void)
{
        print_call("abi negative", -1, 0, 0, 0);
        print_call("abi high", 0x7fffffff, 0, 0, 0);
#ifdef __x86_64__
        printf("abi int80 %s\n", answer_names[ask(make_int80, NULL)]);
        print_call("abi x32-getpid", 0x40000000 | SYS_getpid, 0, 0, 0);
        print_call("abi x32-execve", 0x40000000 | 520, 0, 0, 0);
#endif
}

static int install_filter(const char *path)
{
        static struct sock_filter insns[BPF_MAXINSNS];
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, insns, sizeof(insns));

        if (fd >= 0)
                close(fd);
        if (n <= 0 || (size_t)n % sizeof(insns[0]) != 0) {
                fprintf(stderr, "probe-syscalls: '%s' is not a filter\n", path);
                return -1;
        }
        struct sock_fprog program = { .len = (unsigned short)((size_t)n / sizeof(insns[0])),
                                      .filter = insns };
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
            syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) {
                perror("probe-syscalls: cannot install the filter");
                return -1;
        }
        return 0;
}

int main(int argc, char **argv)
{
        setvbuf(stdout, NULL, _IONBF, 0);
        if (argc > 1) {
                if (strcmp(argv[1], "--self") != 0 || argc < 3) {
                        fprintf(stderr, "usage: probe-syscalls [--self FILTER.bpf [COMMAND...]]\n");
                        return 2;
                }
                if (install_filter(argv[2]) < 0)
                        return 2;
                if (argc > 3) {
                        execvp(argv[3], argv + 3);
                        perror(argv[3]);
                        return 127;
                }
        }
        sweep_numbers();
        sweep_sockets("socket", 0);
        sweep_sockets("socket+high", UPPER);
        sweep_ioctls("ioctl", 0);
        sweep_ioctls("ioctl+high", UPPER);
        probe_arguments();
        probe_abis();
        return 0;
}
