/* The system calls of the process that reads an archive: what unpacking takes, and no more. */

#include "jail.h"

#include "syscall-filter.h"

#include <errno.h>
#include <linux/fs.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

static const int allowed[] = {
        /* input, output, the report */
        SCMP_SYS(read),
        SCMP_SYS(pread64),
        SCMP_SYS(readv),
        SCMP_SYS(write),
        SCMP_SYS(pwrite64),
        SCMP_SYS(writev),
        SCMP_SYS(lseek),
        SCMP_SYS(close),
        SCMP_SYS(fcntl),
        SCMP_SYS(fsync),
        SCMP_SYS(fdatasync),
        SCMP_SYS(sync_file_range),
        SCMP_SYS(sendmsg),
        SCMP_SYS(sendto),
        /* files that are open */
        SCMP_SYS(fstat),
        SCMP_SYS(fstatfs),
        SCMP_SYS(getdents64),
        SCMP_SYS(fchmod),
        SCMP_SYS(ftruncate),
        SCMP_SYS(fsetxattr),
        SCMP_SYS(fgetxattr),
        SCMP_SYS(flistxattr),
        SCMP_SYS(symlinkat),
        /* memory, threads, time */
        SCMP_SYS(munmap),
        SCMP_SYS(mremap),
        SCMP_SYS(madvise),
        SCMP_SYS(brk),
        SCMP_SYS(futex),
        SCMP_SYS(rseq),
        SCMP_SYS(set_robust_list),
        SCMP_SYS(sched_yield),
        SCMP_SYS(sched_getaffinity),
        SCMP_SYS(uname),
        SCMP_SYS(getpid),
        SCMP_SYS(gettid),
        SCMP_SYS(tgkill),
        SCMP_SYS(clock_gettime),
        SCMP_SYS(gettimeofday),
        SCMP_SYS(clock_nanosleep),
        SCMP_SYS(getrandom),
        SCMP_SYS(rt_sigaction),
        SCMP_SYS(rt_sigprocmask),
        SCMP_SYS(rt_sigreturn),
        SCMP_SYS(sigaltstack),
        SCMP_SYS(restart_syscall),
        SCMP_SYS(exit),
        SCMP_SYS(exit_group),
};

/* Of who reads a tree: what its files are, beside what is in them; and of a copy of it (FICLONE). */
static const int allowed_of_trees[] = { SCMP_SYS(flistxattr), SCMP_SYS(fremovexattr) };
static const int allowed_of_trees_at[] = { SCMP_SYS(readlinkat) };

/* Names count from an open directory: a negative one would be the current directory. */
static const int allowed_at[] = {
        SCMP_SYS(openat),   SCMP_SYS(openat2),   SCMP_SYS(newfstatat), SCMP_SYS(statx),
        SCMP_SYS(mkdirat),  SCMP_SYS(mknodat),   SCMP_SYS(linkat),     SCMP_SYS(unlinkat),
        SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(utimensat),  SCMP_SYS(readlinkat),
};

static const struct scmp_arg_cmp not_negative = { 0, SCMP_CMP_MASKED_EQ, 1u << 31, 0 };

static int add_calls_at(scmp_filter_ctx filter, const int *calls, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 1, not_negative);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Only whoever has the capability for it gives files away. */
static int add_chown(scmp_filter_ctx filter)
{
        int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fchown), 0);

        if (r == 0)
                r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fchownat), 1, not_negative);
        return r;
}

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int add_calls_of_trees(scmp_filter_ctx filter)
{
        int r = syscall_filter_add(filter, SCMP_ACT_ALLOW, allowed_of_trees,
                                   COUNT(allowed_of_trees));

        if (r == 0)
                r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                                     SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, FICLONE));
        if (r < 0)
                return r;
        return add_calls_at(filter, allowed_of_trees_at, COUNT(allowed_of_trees_at));
}

/* Memory that is executable, and processes that are not threads, are for nobody here. */
static int add_checked_calls(scmp_filter_ctx filter)
{
        const struct scmp_arg_cmp not_exec = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
        /* the order of clone's arguments is not the same everywhere */
#ifdef __s390__
        const struct scmp_arg_cmp thread = SCMP_A1(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD);
#else
        const struct scmp_arg_cmp thread = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD);
#endif
        int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, not_exec);

        if (r == 0)
                r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, not_exec);
        /* clone3 gets ENOSYS, so the C library falls back on this one */
        if (r == 0)
                r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, thread);
        return r;
}

int jail_restrict_syscalls(const struct jail_spec *spec, struct err *e)
{
        scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));

        if (!filter)
                return err_set(e, ENOMEM, "libseccomp cannot start a filter");
        int r = syscall_filter_add(filter, SCMP_ACT_ALLOW, allowed, COUNT(allowed));
        if (r == 0)
                r = add_calls_at(filter, allowed_at, COUNT(allowed_at));
        if (r == 0 && (spec->keep_caps & JAIL_CAPS_READ))
                r = add_calls_of_trees(filter);
        if (r == 0)
                r = add_checked_calls(filter);
        if (r == 0 && (spec->keep_caps & 1ull << CAP_CHOWN))
                r = add_chown(filter);
        return syscall_filter_enter(filter, r, e);
}
