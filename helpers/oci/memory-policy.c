#include "memory-policy.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

int memory_policy_set(const struct bundle_memory_policy *p, struct err *e)
{
        /* the kernel looks at one bit fewer than it is told of */
        unsigned long n = p->has_nodes ? BUNDLE_MAX_NODES + 1 : 0;

        if (!p->is_set)
                return 0;
        if (syscall(SYS_set_mempolicy, p->mode, p->has_nodes ? p->nodes : NULL, n) == 0)
                return 0;
        err_sys(e, "cannot set linux.memoryPolicy");
        return e->code == EINVAL ? err_hint(e, "its nodes must be among those of this machine that "
                                               "the caller may use; mind the kernel's version")
                                 : -e->code;
}
