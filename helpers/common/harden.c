#include "harden.h"

#include <sys/prctl.h>
#include <sys/resource.h>

int harden_process(struct err *e)
{
        const struct rlimit none = { 0, 0 };

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return err_sys(e, "cannot set no_new_privs");
        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
                return err_sys(e, "cannot become not dumpable");
        if (setrlimit(RLIMIT_CORE, &none) < 0)
                return err_sys(e, "cannot forbid core files");
        return 0;
}
