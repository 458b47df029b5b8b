#include "confine.h"

#include "fd.h"
#include "harden.h"
#include "proc.h"

#include <errno.h>

int confine_enter(const struct confine_spec *spec, bool *ret_has_landlock, struct err *e)
{
        if (harden_process(e) < 0 || proc_die_with(spec->parent, e) < 0 ||
            fd_close_others(spec->keep, (size_t)spec->n_keep, e) < 0)
                return -e->code;
        int r = confine_files(spec, e);
        if (r < 0 && r != -EOPNOTSUPP)
                return r;
        *ret_has_landlock = r == 0;
        return confine_syscalls(e);
}
