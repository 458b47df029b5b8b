#include "confine.h"

#include "fd.h"
#include "mem.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static int compare(const void *a, const void *b)
{
        int one = *(const int *)a;
        int other = *(const int *)b;

        return (one > other) - (one < other);
}

int confine_descriptors(const struct config *config, int control, struct err *e)
{
        autofree int *keep = mem_alloc((config->n_listeners + 2) * sizeof(int), e);
        size_t n = 0;

        if (!keep)
                return -e->code;
        keep[n++] = control;
        if (config->log_fd >= 0)
                keep[n++] = config->log_fd;
        for (size_t i = 0; i < config->n_listeners; i++)
                keep[n++] = config->listeners[i].fd;
        qsort(keep, n, sizeof(int), compare);
        for (size_t i = 0; i < n; i++) {
                if (keep[i] < 3 || (i > 0 && keep[i] == keep[i - 1]))
                        return err_set(e, EINVAL,
                                       "descriptor %d is given twice, or is a standard "
                                       "stream",
                                       keep[i]);
        }
        return fd_close_others(keep, n, e);
}

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

int confine_enter(bool *ret_has_landlock, struct err *e)
{
        if (drop_rights(e) < 0)
                return -e->code;
        int r = confine_files(e);
        if (r < 0 && r != -EOPNOTSUPP)
                return r;
        *ret_has_landlock = r == 0;
        return confine_syscalls(e);
}
