#include "filter.h"

#include <asm/unistd.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

int filter_enter(const struct sock_fprog *filter, struct err *e)
{
        if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, filter) < 0)
                return err_sys(e, "cannot enter the seccomp filter");
        return 0;
}

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#else
#error "pid 1's filter does not know this architecture"
#endif

#define LOAD(member)  BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define ALLOW(number) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), GIVE(SECCOMP_RET_ALLOW)
#define GIVE(what)    BPF_STMT(BPF_RET | BPF_K, what)

static const struct sock_filter init_code[] = {
        LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 1, 0),
        GIVE(SECCOMP_RET_KILL_PROCESS),
        LOAD(nr),
        ALLOW(__NR_ppoll),
        ALLOW(__NR_wait4),
        ALLOW(__NR_kill),
        ALLOW(__NR_recvmsg),
        ALLOW(__NR_sendmsg),
        ALLOW(__NR_ioctl),
        ALLOW(__NR_getpgid),
#ifdef __NR_getpgrp
        ALLOW(__NR_getpgrp),
#endif
        ALLOW(__NR_read),
        ALLOW(__NR_write),
        ALLOW(__NR_close),
        ALLOW(__NR_rt_sigaction),
        ALLOW(__NR_rt_sigprocmask),
        ALLOW(__NR_rt_sigreturn),
        ALLOW(__NR_restart_syscall),
        ALLOW(__NR_exit_group),
        /* no call at all: how a tracer takes one back (seccomp(2), PTRACE_EVENT_SECCOMP) */
        ALLOW(UINT32_MAX),
        GIVE(SECCOMP_RET_KILL_PROCESS),
};

int filter_enter_init(struct err *e)
{
        const struct sock_fprog program = {
                .len = sizeof(init_code) / sizeof(init_code[0]),
                .filter = (struct sock_filter *)init_code,
        };

        return filter_enter(&program, e);
}
