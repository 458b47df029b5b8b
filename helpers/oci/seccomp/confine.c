#include "confine.h"

#include "fd.h"
#include "harden.h"
#include "ruleset.h"
#include "syscall-filter.h"

#include <errno.h>
#include <jansson.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>

/* For the largest profile as JSON and as rules; and a rule costs libseccomp time in all that it has. */
#define MAX_MEMORY  ((rlim_t)1 << 30)
#define MAX_SECONDS 30

static const int allowed[] = {
        SCMP_SYS(read),       SCMP_SYS(write),        SCMP_SYS(writev),          SCMP_SYS(lseek),
        SCMP_SYS(close),      SCMP_SYS(fstat),        SCMP_SYS(newfstatat),      SCMP_SYS(brk),
        SCMP_SYS(munmap),     SCMP_SYS(mremap),       SCMP_SYS(madvise),         SCMP_SYS(futex),
        SCMP_SYS(getrandom),  SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall), SCMP_SYS(exit),
        SCMP_SYS(exit_group),
};

static int confine_calls(struct err *e)
{
        const struct scmp_arg_cmp not_exec = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
        static const int maps[] = { SCMP_SYS(mmap), SCMP_SYS(mmap2), SCMP_SYS(mprotect) };
        scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));

        if (!filter)
                return err_set(e, ENOMEM, "libseccomp cannot start a filter");
        int r = syscall_filter_add(filter, SCMP_ACT_ALLOW, allowed,
                                   sizeof(allowed) / sizeof(allowed[0]));
        for (size_t i = 0; r == 0 && i < sizeof(maps) / sizeof(maps[0]); i++)
                r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, maps[i], 1, not_exec);
        return syscall_filter_enter(filter, r, e);
}

/* A second wall, where the kernel has it: an empty set allows nothing. */
static int confine_files(struct err *e)
{
        uint64_t unused;

        if (ruleset_abi() < 1)
                return 0;
        autofd set = ruleset_make(RULESET_BIND_TCP | RULESET_CONNECT_TCP, &unused, e);
        return set < 0 ? -e->code : ruleset_enter(set, e);
}

static int limit(struct err *e)
{
        const struct rlimit memory = { MAX_MEMORY, MAX_MEMORY };
        const struct rlimit time = { MAX_SECONDS, MAX_SECONDS };

        if (setrlimit(RLIMIT_AS, &memory) < 0 || setrlimit(RLIMIT_CPU, &time) < 0)
                return err_sys(e, "cannot limit myself");
        return 0;
}

int confine_enter(int fd, struct err *e)
{
        unsigned seed = 0;

        if (fd_close_others(&fd, 1, e) < 0 || harden_process(e) < 0 || limit(e) < 0)
                return -e->code;
        /* else jansson opens a file for it; 0 would mean that it shall */
        if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
                return err_sys(e, "cannot get random bytes");
        json_object_seed(seed | 1);
        /* which actions the kernel has is tried by calls that are not allowed below */
        seccomp_api_get();
        if (confine_files(e) < 0)
                return -e->code;
        return confine_calls(e);
}
