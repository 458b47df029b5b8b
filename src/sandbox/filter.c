#include "filter.h"

#include "fd.h"
#include "filter-code.h"
#include "io.h"

#include <asm/unistd.h>
#include <errno.h>
#include <linux/filter.h>
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

static const struct sock_filter init_code[] = {
        FILTER_LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FILTER_ARCH, 1, 0),
        FILTER_GIVE(SECCOMP_RET_KILL_PROCESS),
        FILTER_LOAD(nr),
        FILTER_ALLOW(__NR_ppoll),
        FILTER_ALLOW(__NR_wait4),
        FILTER_ALLOW(__NR_kill),
        FILTER_ALLOW(__NR_recvmsg),
        FILTER_ALLOW(__NR_sendmsg),
        FILTER_ALLOW(__NR_ioctl),
        FILTER_ALLOW(__NR_getpgid),
#ifdef __NR_getpgrp
        FILTER_ALLOW(__NR_getpgrp),
#endif
        FILTER_ALLOW(__NR_read),
        FILTER_ALLOW(__NR_write),
        FILTER_ALLOW(__NR_close),
        FILTER_ALLOW(__NR_rt_sigaction),
        FILTER_ALLOW(__NR_rt_sigprocmask),
        FILTER_ALLOW(__NR_rt_sigreturn),
        FILTER_ALLOW(__NR_restart_syscall),
        FILTER_ALLOW(__NR_exit_group),
        /* no call at all: how a tracer takes one back (seccomp(2), PTRACE_EVENT_SECCOMP) */
        FILTER_ALLOW(UINT32_MAX),
        FILTER_GIVE(SECCOMP_RET_KILL_PROCESS),
};

int filter_enter_init(struct err *e)
{
        const struct sock_fprog program = {
                .len = sizeof(init_code) / sizeof(init_code[0]),
                .filter = (struct sock_filter *)init_code,
        };

        return filter_enter(&program, e);
}
