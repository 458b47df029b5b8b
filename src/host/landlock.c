#include "cause.h"
#include "probes.h"

#include <errno.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

/* landlock(7): the second wall.  Its newer versions guard more. */

static int get_abi(void)
{
        int abi =
                (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

        return abi < 0 ? -errno : abi;
}

bool host_cause_landlock(int code, struct host_cause *ret)
{
        switch (code) {
        case EOPNOTSUPP:
                host_cause_why(ret, "Landlock is in this kernel, but was not switched on at boot");
                host_cause_fix(ret, "add 'landlock' in front of the list that is in "
                                    "/sys/kernel/security/lsm, as lsm=... on the kernel's "
                                    "command line");
                return true;
        case ENOSYS:
        case EPERM:
                host_cause_why(ret, "this kernel has no Landlock, or an outer container's "
                                    "filter hides it");
                host_cause_fix(ret, "use Linux 5.13 or later with CONFIG_SECURITY_LANDLOCK");
                return true;
        default:
                return false;
        }
}

void host_probe_landlock(const struct host_view *v, struct host_fact *ret)
{
        int abi = get_abi();

        (void)v;
        if (abi < 0) {
                host_fact_set(ret, HOST_WEAKER, "no second wall behind the mounts");
                host_cause_landlock(-abi, &ret->cause);
        } else if (abi < 3) {
                /* 2: moves between directories; 3: truncation */
                host_fact_set(ret, HOST_WEAKER, "ABI %d, which does not guard truncation", abi);
                host_cause_why(&ret->cause, "that came with Linux 6.2");
                host_cause_fix(&ret->cause, "use a newer kernel");
        } else if (abi < 6) {
                host_fact_set(ret, HOST_OK, "ABI %d: files%s", abi,
                              abi >= 4 ? " and TCP ports" : "");
        } else {
                host_fact_set(ret, HOST_OK, "ABI %d: files, TCP ports, abstract sockets, signals",
                              abi);
        }
}
