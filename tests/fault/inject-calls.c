#include "inject-calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <unistd.h>

void inject_read_comm(pid_t pid, char *buf, size_t size)
{
        char path[64];

        snprintf(path, sizeof(path), "/proc/%d/comm", pid);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

        close(fd);
        buf[n > 0 ? n : 0] = '\0';
        buf[strcspn(buf, "\n")] = '\0';
}

bool inject_can_fail(uint64_t nr)
{
        switch (nr) {
        case SYS_exit:
        case SYS_exit_group:
        case SYS_rt_sigreturn:
        case SYS_arch_prctl:
        case SYS_brk:
        case SYS_getpid:
        case SYS_getppid:
        case SYS_gettid:
        case SYS_getuid:
        case SYS_geteuid:
        case SYS_getgid:
        case SYS_getegid:
        case SYS_umask:
        case SYS_restart_syscall:
        case SYS_set_tid_address:
                return false;
        default:
                return true;
        }
}

bool inject_runs_setuid(pid_t pid, uint64_t nr, uint64_t path)
{
        char text[128] = "";

        if (nr != SYS_execve)
                return false;
        for (size_t at = 0; at + 8 < sizeof(text); at += 8) {
                errno = 0;
                long word = ptrace(PTRACE_PEEKDATA, pid, path + at, NULL);

                if (errno)
                        break;
                memcpy(text + at, &word, 8);
                if (memchr(&word, 0, 8))
                        break;
        }
        return strstr(text, "/newuidmap") || strstr(text, "/newgidmap");
}

void inject_skip_call(pid_t pid)
{
        struct user_regs_struct regs;
        ptrace(PTRACE_GETREGS, pid, NULL, &regs);
        regs.orig_rax = (unsigned long long)-1;
        ptrace(PTRACE_SETREGS, pid, NULL, &regs);
}

void inject_set_result(pid_t pid, int error)
{
        struct user_regs_struct regs;

        if (ptrace(PTRACE_GETREGS, pid, NULL, &regs) < 0)
                return; /* it runs */
        regs.rax = (unsigned long long)-(long)error;
        ptrace(PTRACE_SETREGS, pid, NULL, &regs);
}
