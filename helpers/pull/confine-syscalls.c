/*
 * The system calls of the process that talks to the network: a list of what it must not do.  What
 * libcurl, OpenSSL and the modules of the name service call differs from system to system, so a
 * list of what they may would break name resolution somewhere.
 */

#include "confine.h"

#include "syscall-filter.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

static const int refused[] = {
        /* other programs and processes */
        SCMP_SYS(execve),
        SCMP_SYS(execveat),
        SCMP_SYS(fork),
        SCMP_SYS(vfork),
        SCMP_SYS(ptrace),
        SCMP_SYS(process_vm_readv),
        SCMP_SYS(process_vm_writev),
        SCMP_SYS(pidfd_getfd),
        SCMP_SYS(kcmp),
        SCMP_SYS(unshare),
        SCMP_SYS(setns),
        /* the view of the file system */
        SCMP_SYS(mount),
        SCMP_SYS(umount2),
        SCMP_SYS(pivot_root),
        SCMP_SYS(chroot),
        SCMP_SYS(open_tree),
        SCMP_SYS(move_mount),
        SCMP_SYS(fsopen),
        SCMP_SYS(fsmount),
        SCMP_SYS(mount_setattr),
        SCMP_SYS(mknod),
        SCMP_SYS(mknodat),
        SCMP_SYS(open_by_handle_at),
        /* what belongs to the kernel or the session */
        SCMP_SYS(keyctl),
        SCMP_SYS(add_key),
        SCMP_SYS(request_key),
        SCMP_SYS(bpf),
        SCMP_SYS(perf_event_open),
        SCMP_SYS(userfaultfd),
        SCMP_SYS(io_uring_setup),
        SCMP_SYS(io_uring_enter),
        SCMP_SYS(io_uring_register),
        SCMP_SYS(personality),
};

static int add_rules(scmp_filter_ctx filter)
{
        /* the order of clone's arguments is not the same everywhere */
#ifdef __s390__
        const struct scmp_arg_cmp no_thread = SCMP_A1(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0);
#else
        const struct scmp_arg_cmp no_thread = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0);
#endif
        /* standard error may be the user's terminal */
        static const unsigned requests[] = { TIOCSTI, TIOCLINUX, TIOCSETD };
        int r = syscall_filter_add(filter, SCMP_ACT_ERRNO(EPERM), refused,
                                   sizeof(refused) / sizeof(refused[0]));

        /* libcurl resolves names in a thread; clone3 hides its flags, and the C library knows */
        if (r == 0)
                r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
        if (r == 0)
                r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1, no_thread);
        for (size_t i = 0; r == 0 && i < sizeof(requests) / sizeof(requests[0]); i++)
                r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                                     SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, requests[i]));
        return r;
}

int confine_syscalls(struct err *e)
{
        scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

        if (!filter)
                return err_set(e, ENOMEM, "libseccomp cannot start a filter");
        return syscall_filter_enter(filter, add_rules(filter), e);
}
