#include "observe-confine.h"

#include "fd.h"
#include "filter-code.h"
#include "filter.h"
#include "proc.h"
#include "rights.h"

#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/*
 * The command decides which names are looked up and which memory is read, so this process is taken
 * to be hostile one day.  It stays in the host's namespaces, because it compares the sandbox with
 * the host; it may open files to read, as it needs the kernel's tables in /proc, but can write into
 * none (no such call but to its sockets, and a size limit of 0), and tell nobody but the launcher.
 *
 * What is left: openat2 can make a file or empty one, as no filter sees its flags.  Landlock would
 * close that, and with it the memory of every process in another domain (ptrace(2)), which is what
 * this one is there to read.
 */

/* The calls of seccomp_unotify(2) alone: ioctl can write to files and type into terminals. */
#define REQUEST(number, to_allow) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, to_allow, 0)

static const struct sock_filter code[] = {
        FILTER_LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FILTER_ARCH, 1, 0),
        FILTER_GIVE(SECCOMP_RET_KILL_PROCESS),
        FILTER_LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_ioctl, 0, 7),
        FILTER_LOAD(args[1]),
        REQUEST(SECCOMP_IOCTL_NOTIF_RECV, 4),
        REQUEST(SECCOMP_IOCTL_NOTIF_SEND, 3),
        REQUEST(SECCOMP_IOCTL_NOTIF_ID_VALID, 2),
        REQUEST(OBSERVE_NOTIF_SET_FLAGS, 1),
        FILTER_GIVE(SECCOMP_RET_KILL_PROCESS),
        FILTER_GIVE(SECCOMP_RET_ALLOW),
        /* calls of the kernel alone where there is no vDSO */
        FILTER_ALLOW(__NR_getcpu),
        FILTER_ALLOW(__NR_clock_gettime),
        FILTER_ALLOW(__NR_ppoll),
#ifdef __NR_poll
        FILTER_ALLOW(__NR_poll),
        FILTER_ALLOW(__NR_readlink),
        FILTER_ALLOW(__NR_stat),
        FILTER_ALLOW(__NR_lstat),
        FILTER_ALLOW(__NR_open),
#endif
        FILTER_ALLOW(__NR_process_vm_readv),
        FILTER_ALLOW(__NR_openat2),
        FILTER_ALLOW(__NR_openat),
        FILTER_ALLOW(__NR_close),
        FILTER_ALLOW(__NR_readlinkat),
        FILTER_ALLOW(__NR_fstat),
        FILTER_ALLOW(__NR_newfstatat),
        FILTER_ALLOW(__NR_statx),
        FILTER_ALLOW(__NR_fstatfs),
        FILTER_ALLOW(__NR_faccessat2),
        FILTER_ALLOW(__NR_read),
        FILTER_ALLOW(__NR_recvmsg),
        FILTER_ALLOW(__NR_sendmsg),
        FILTER_ALLOW(__NR_getuid),
        /* memory of the C library */
        FILTER_ALLOW(__NR_brk),
        FILTER_ALLOW(__NR_mmap),
        FILTER_ALLOW(__NR_munmap),
        FILTER_ALLOW(__NR_mremap),
        FILTER_ALLOW(__NR_madvise),
        FILTER_ALLOW(__NR_getrandom),
        FILTER_ALLOW(__NR_restart_syscall),
        FILTER_ALLOW(__NR_exit_group),
        FILTER_ALLOW(UINT32_MAX),
        FILTER_GIVE(SECCOMP_RET_KILL_PROCESS),
};

static int drop_files(int *keep, size_t n, struct err *e)
{
        int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (null_fd < 0)
                return err_sys(e, "cannot open '/dev/null'");
        for (int fd = 0; fd <= 2; fd++) {
                /* the streams are the command's, and end when it ends */
                if (dup2(null_fd, fd) < 0)
                        return err_sys(e, "cannot drop standard stream %d", fd);
        }
        fd_sort(keep, n);
        return fd_close_others(keep, n, e);
}

static int set_limit(int resource, rlim_t most, struct err *e)
{
        const struct rlimit limit = { .rlim_cur = most, .rlim_max = most };

        if (setrlimit(resource, &limit) < 0)
                return err_sys(e, "cannot limit the observer");
        return 0;
}

int observe_confine(int *keep, size_t n, int launcher_pidfd, struct err *e)
{
        const struct sock_fprog program = {
                .len = sizeof(code) / sizeof(code[0]),
                .filter = (struct sock_filter *)code,
        };
        sigset_t all;

        /* what the user types is meant for the command */
        sigfillset(&all);
        if (sigprocmask(SIG_SETMASK, &all, NULL) < 0 || setsid() < 0)
                return err_sys(e, "cannot start a session for the observer");
        if (rights_set(0, e) < 0 || rights_no_new_privs(e) < 0)
                return -e->code;
        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
                return err_sys(e, "cannot become undumpable");
        /* after the credentials, whose change would make the kernel forget it */
        if (proc_die_with(launcher_pidfd, e) < 0 || drop_files(keep, n, e) < 0)
                return -e->code;
        prctl(PR_SET_NAME, "kelp-observe", 0, 0, 0);
        if (set_limit(RLIMIT_FSIZE, 0, e) < 0 || set_limit(RLIMIT_CORE, 0, e) < 0 ||
            set_limit(RLIMIT_NPROC, 0, e) < 0)
                return -e->code;
        return filter_enter(&program, e);
}
