#include "confine.h"

#include "fd.h"
#include "proc.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static int drop_rights(struct err *e)
{
        struct rlimit none = { 0, 0 };

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return err_sys(e, "cannot set no_new_privs");
        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
                return err_sys(e, "cannot become not dumpable");
        if (setrlimit(RLIMIT_CORE, &none) < 0)
                return err_sys(e, "cannot forbid core files");
        return 0;
}

int confine_enter(const struct confine_spec *spec, bool *ret_has_landlock, struct err *e)
{
        if (drop_rights(e) < 0 || proc_die_with(spec->parent, e) < 0 ||
            fd_close_others(spec->keep, (size_t)spec->n_keep, e) < 0)
                return -e->code;
        int r = confine_files(spec, e);
        if (r < 0 && r != -EOPNOTSUPP)
                return r;
        *ret_has_landlock = r == 0;
        return confine_syscalls(e);
}
