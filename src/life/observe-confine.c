#include "observe-confine.h"

#include "fd.h"
#include "filter.h"
#include "proc.h"
#include "rights.h"

#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/*
 * The command decides which names are looked up and which memory is read, so this process is taken
 * to be hostile one day.  It stays in the host's namespaces, because it compares the sandbox with
 * the host; it may open files to read, as it needs the kernel's tables in /proc, but can write none
 * (no such call but to its sockets, and a size limit of 0), and tell nobody but the launcher.
 */

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#else
#error "the observer's filter does not know this architecture"
#endif

#define LOAD(member)  BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define ALLOW(number) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), GIVE(SECCOMP_RET_ALLOW)
#define GIVE(what)    BPF_STMT(BPF_RET | BPF_K, what)

static const struct sock_filter code[] = {
        LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 1, 0),
        GIVE(SECCOMP_RET_KILL_PROCESS),
        LOAD(nr),
        ALLOW(__NR_ioctl),
        ALLOW(__NR_ppoll),
#ifdef __NR_poll
        ALLOW(__NR_poll),
        ALLOW(__NR_readlink),
        ALLOW(__NR_stat),
        ALLOW(__NR_lstat),
        ALLOW(__NR_open),
#endif
        ALLOW(__NR_process_vm_readv),
        ALLOW(__NR_openat2),
        ALLOW(__NR_openat),
        ALLOW(__NR_close),
        ALLOW(__NR_readlinkat),
        ALLOW(__NR_fstat),
        ALLOW(__NR_newfstatat),
        ALLOW(__NR_statx),
        ALLOW(__NR_fstatfs),
        ALLOW(__NR_faccessat2),
        ALLOW(__NR_read),
        ALLOW(__NR_recvmsg),
        ALLOW(__NR_sendmsg),
        ALLOW(__NR_getuid),
        /* memory of the C library */
        ALLOW(__NR_brk),
        ALLOW(__NR_mmap),
        ALLOW(__NR_munmap),
        ALLOW(__NR_mremap),
        ALLOW(__NR_madvise),
        ALLOW(__NR_getrandom),
        ALLOW(__NR_restart_syscall),
        ALLOW(__NR_exit_group),
        ALLOW(UINT32_MAX),
        GIVE(SECCOMP_RET_KILL_PROCESS),
};

static int compare_ints(const void *a, const void *b)
{
        int x = *(const int *)a;
        int y = *(const int *)b;

        return (x > y) - (x < y);
}

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
        qsort(keep, n, sizeof(keep[0]), compare_ints);
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
