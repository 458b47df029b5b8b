#include "confine.h"

#include "fd.h"
#include "harden.h"
#include "mem.h"

#include <errno.h>
#include <stdlib.h>

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

int confine_enter(bool *ret_has_landlock, struct err *e)
{
        if (harden_process(e) < 0)
                return -e->code;
        int r = confine_files(e);
        if (r < 0 && r != -EOPNOTSUPP)
                return r;
        *ret_has_landlock = r == 0;
        return confine_syscalls(e);
}
