#include "probes.h"

#include <stdint.h>

void host_probe_terminal(const struct host_view *v, struct host_fact *ret)
{
        uint64_t legacy = 0;

        if (host_read_number(v, "proc/sys/dev/tty/legacy_tiocsti", &legacy) && legacy == 0) {
                host_fact_set(ret, HOST_OK, "no program can type into your terminal (TIOCSTI)");
                return;
        }
        host_fact_set(ret, HOST_WEAKER, "only kelp's own terminals and filter stop TIOCSTI");
        host_cause_why(&ret->cause,
                       "the kernel lets a program type into the terminal it runs in: "
                       "dev.tty.legacy_tiocsti is %s",
                       legacy ? "1" : "not there, as before Linux 6.2");
        if (legacy)
                host_cause_fix(&ret->cause, "%ssysctl -w dev.tty.legacy_tiocsti=0", host_sudo(v));
        else
                host_cause_fix(&ret->cause, "use Linux 6.2 or later");
}
