#include "filter.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

int filter_enter(const struct sock_fprog *filter, struct err *e)
{
        if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, filter) < 0)
                return err_sys(e, "cannot enter the seccomp filter");
        return 0;
}
