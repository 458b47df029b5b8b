/* The system calls of the proxy: what it takes, what c-ares takes, and no more. */

#include "confine.h"

#include "syscall-filter.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>

static const int allowed[] = {
        /* sockets and pipes that are there */
        SCMP_SYS(accept4),
        SCMP_SYS(connect),
        SCMP_SYS(shutdown),
        SCMP_SYS(getsockname),
        SCMP_SYS(getpeername),
        SCMP_SYS(getsockopt),
        SCMP_SYS(setsockopt),
        SCMP_SYS(sendto),
        SCMP_SYS(recvfrom),
        SCMP_SYS(splice),
        SCMP_SYS(pipe2),
        SCMP_SYS(read),
        SCMP_SYS(write),
        SCMP_SYS(readv),
        SCMP_SYS(writev),
        SCMP_SYS(lseek),
        SCMP_SYS(close),
        SCMP_SYS(fstat),
        SCMP_SYS(fstat64),
        SCMP_SYS(newfstatat),
        SCMP_SYS(fstatat64),
        SCMP_SYS(statx),
        /* waiting */
        SCMP_SYS(epoll_ctl),
        SCMP_SYS(epoll_wait),
        SCMP_SYS(epoll_pwait),
        SCMP_SYS(poll),
        SCMP_SYS(ppoll),
        /* memory, time, itself */
        SCMP_SYS(brk),
        SCMP_SYS(munmap),
        SCMP_SYS(mremap),
        SCMP_SYS(madvise),
        SCMP_SYS(clock_gettime),
        SCMP_SYS(clock_gettime64),
        SCMP_SYS(gettimeofday),
        SCMP_SYS(time),
        SCMP_SYS(getrandom),
        SCMP_SYS(getpid),
        SCMP_SYS(uname),
        SCMP_SYS(futex),
        SCMP_SYS(rt_sigaction),
        SCMP_SYS(rt_sigprocmask),
        SCMP_SYS(rt_sigreturn),
        SCMP_SYS(sigreturn),
        SCMP_SYS(restart_syscall),
        SCMP_SYS(exit),
        SCMP_SYS(exit_group),
};

/* How files must not be opened; an O_RDONLY is no bit that could be asked for. */
#define NO_WRITING (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_TMPFILE)

#define TYPE_BITS 0xf /* of the type of a socket, below SOCK_CLOEXEC and SOCK_NONBLOCK */

static int add_sockets(scmp_filter_ctx filter)
{
        static const unsigned families[] = { AF_INET, AF_INET6 };
        static const unsigned types[] = { SOCK_STREAM, SOCK_DGRAM };
        int r = 0;

        for (size_t i = 0; r == 0 && i < 4; i++)
                r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
                                     SCMP_A0(SCMP_CMP_MASKED_EQ, UINT32_MAX, families[i / 2]),
                                     SCMP_A1(SCMP_CMP_MASKED_EQ, TYPE_BITS, types[i % 2]));
        return r;
}

/* F_SETOWN, F_SETSIG and O_ASYNC together send any signal to any process of this user. */
static int add_fcntl(scmp_filter_ctx filter)
{
        static const int calls[] = { SCMP_SYS(fcntl), SCMP_SYS(fcntl64) };
        static const unsigned commands[] = { F_GETFD, F_SETFD,      F_GETFL,
                                             F_SETFL, F_SETPIPE_SZ, F_DUPFD_CLOEXEC };
        const size_t n = sizeof(commands) / sizeof(commands[0]);
        int r = 0;

        for (size_t i = 0; r == 0 && i < 2 * n; i++)
                r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i / n], 1,
                                     SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, commands[i % n]));
        return r;
}

static int add_checked_calls(scmp_filter_ctx filter)
{
        const struct scmp_arg_cmp not_exec = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
        static const int maps[] = { SCMP_SYS(mmap), SCMP_SYS(mmap2), SCMP_SYS(mprotect) };
        int r = add_sockets(filter);

        if (r == 0)
                r = add_fcntl(filter);
        for (size_t i = 0; r == 0 && i < sizeof(maps) / sizeof(maps[0]); i++)
                r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, maps[i], 1, not_exec);
        if (r == 0)
                r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
                                     SCMP_A2(SCMP_CMP_MASKED_EQ, NO_WRITING, 0));
        return r;
}

int confine_syscalls(struct err *e)
{
        scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));

        if (!filter)
                return err_set(e, ENOMEM, "libseccomp cannot start a filter");
        int r = syscall_filter_add(filter, SCMP_ACT_ALLOW, allowed,
                                   sizeof(allowed) / sizeof(allowed[0]));
        if (r == 0)
                r = add_checked_calls(filter);
        return syscall_filter_enter(filter, r, e);
}
