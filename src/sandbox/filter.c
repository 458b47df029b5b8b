#include "filter.h"

#include "fd.h"
#include "io.h"

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

/* Linux 5.19; older headers lack it. */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

/*
 * With WAIT_KILLABLE_RECV a signal does not break off a call that the listener has begun to look at.
 * An older kernel says EINVAL.
 */
static int make_listener(const struct sock_fprog *filter)
{
        unsigned long flags =
                SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
        int fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, filter);

        if (fd >= 0 || errno != EINVAL)
                return fd;
        flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
        return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, filter);
}

/*
 * The filter is in force before the listener is in anybody's hands: what comes in between must be a
 * call that neither the policy nor the observer has a word in.  sendmsg is; see observe-filter.h.
 */
int filter_enter_watched(const struct filter_watch *watch, struct err *e)
{
        autofd listener = make_listener(&watch->program);

        if (listener < 0) {
                err_sys(e, "cannot enter the seccomp filter with a listener");
                if (e->code == EBUSY)
                        return err_hint(e,
                                        "kelp runs under a listener already: leave --explain out");
                return -e->code;
        }
        return io_send(watch->sock, "", 1, &listener, 1, e);
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
