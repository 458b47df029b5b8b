#include "cause.h"

#include <stdint.h>
#include <stdio.h>

/*
 * namespaces(7): a namespace counts against its creator in every user namespace up to the first
 * one, and each has its own limit; ENOSPC says that one of them is reached.  More than 32 nested
 * user (or pid) namespaces give the same error.
 */
void host_cause_limit(const struct host_view *v, const char *kind, struct host_cause *ret)
{
        char path[64];
        uint64_t limit = 0;
        const uint64_t good = 15000;

        snprintf(path, sizeof(path), "proc/sys/user/max_%s_namespaces", kind);
        if (!host_read_number(v, path, &limit)) {
                host_cause_why(ret, "a limit on the number of %s namespaces is reached", kind);
                host_cause_fix(ret, "%ssysctl -w user.max_%s_namespaces=15000", host_sudo(v), kind);
                return;
        }
        if (limit == 0)
                host_cause_why(ret,
                               "this machine allows no %s namespaces: "
                               "user.max_%s_namespaces is 0",
                               kind, kind);
        else
                host_cause_why(ret,
                               "the limit on %s namespaces is reached: "
                               "user.max_%s_namespaces is %llu here, and each outer namespace "
                               "has its own",
                               kind, kind, (unsigned long long)limit);
        host_cause_fix(ret, "%ssysctl -w user.max_%s_namespaces=%llu", host_sudo(v), kind,
                       (unsigned long long)(limit < good ? good : limit * 2));
        host_cause_fix(ret, "to keep it: the same setting in /etc/sysctl.d/60-kelp.conf");
        if (limit > 0)
                host_cause_fix(ret, "more than 32 namespaces inside each other are refused, "
                                    "whatever the limit");
}
