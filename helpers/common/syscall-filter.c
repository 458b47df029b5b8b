#include "syscall-filter.h"

int syscall_filter_add(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t n)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < n; i++)
                r = seccomp_rule_add(filter, action, calls[i], 0);
        return r;
}

int syscall_filter_enter(scmp_filter_ctx filter, int r, struct err *e)
{
        if (r == 0)
                r = seccomp_load(filter);
        seccomp_release(filter);
        if (r < 0)
                return err_set(e, -r, "cannot load the filter of system calls: %s", err_name(-r));
        return 0;
}
