#include "cause.h"

#include "outer.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

/* Seccomp in proc/self/status: 2 is a filter */
static bool is_filtered(const struct host_view *v)
{
        return host_status_number(v, "Seccomp") == 2;
}

bool host_cause_seccomp(const struct host_view *v, int code, struct host_cause *ret)
{
        enum host_outer outer = host_find_outer(v);

        if ((code != EPERM && code != ENOSYS && code != EACCES) || !is_filtered(v))
                return false;
        host_cause_why(ret, "a system call filter that %s put on kelp refuses it",
                       host_outer_name(outer));
        host_outer_fix(outer, HOST_OUTER_FILTER, ret);
        return true;
}

bool host_cause_refused(const struct host_view *v, int code, struct host_cause *ret)
{
        char label[128];

        if (code != EPERM && code != EACCES && code != ENOSYS)
                return false;
        if (code != ENOSYS && host_cause_apparmor(v, ret))
                return true;
        /* AppArmor refuses a mount by EACCES; a seccomp filter says EPERM or ENOSYS */
        ssize_t n = host_read(v, "proc/self/attr/current", label, sizeof(label));
        if (code == EACCES && n > 0 && strncmp(label, "unconfined", 10) != 0) {
                enum host_outer outer = host_find_outer(v);

                host_cause_why(ret, "the security profile '%s' that kelp runs under refuses it",
                               label);
                host_outer_fix(outer, HOST_OUTER_PROFILE, ret);
                return true;
        }
        return host_cause_seccomp(v, code, ret);
}

/* What is mounted is tried in turn; the first that fails, and by the same errno, is the one. */
static bool find_mount(const struct host_view *v, int code, struct host_cause *ret)
{
        /* the kernel has these calls: without them kelp would not have come as far */
        if (code == ENOSYS && host_cause_seccomp(v, code, ret))
                return true;
        return host_cause_proc(v, code, ret) || host_cause_sysfs(v, code, ret) ||
               host_cause_overlay(v, code, ret) || host_cause_view(v, code, ret);
}

bool host_find_cause(const struct host_view *v, enum host_topic topic, int code,
                     struct host_cause *ret)
{
        *ret = (struct host_cause){ 0 };
        switch (topic) {
        case HOST_TOPIC_USERNS:
                return host_cause_userns(v, code, ret);
        case HOST_TOPIC_ID_MAP:
                return host_cause_id_map(v, code, ret);
        case HOST_TOPIC_NEWIDMAP:
                return host_cause_newidmap(v, ret);
        case HOST_TOPIC_NAMESPACES:
                return host_cause_namespaces(v, code, ret);
        case HOST_TOPIC_MOUNT:
                return find_mount(v, code, ret);
        case HOST_TOPIC_PROC:
                return host_cause_proc(v, code, ret);
        case HOST_TOPIC_SYSFS:
                return host_cause_sysfs(v, code, ret);
        case HOST_TOPIC_OVERLAY:
                return host_cause_overlay(v, code, ret);
        case HOST_TOPIC_LOOPBACK:
                return host_cause_refused(v, code, ret);
        case HOST_TOPIC_NETWORK:
                return host_cause_slirp(v, ret) || host_cause_tun(v, ret) ||
                       host_cause_refused(v, code, ret);
        case HOST_TOPIC_FILTERED:
        case HOST_TOPIC_VETH:
                return host_cause_veth(v, code, ret);
        case HOST_TOPIC_TUN:
                return host_cause_tun(v, ret);
        case HOST_TOPIC_SLIRP:
                return host_cause_slirp(v, ret);
        case HOST_TOPIC_LANDLOCK:
                return host_cause_landlock(code, ret);
        case HOST_TOPIC_SECCOMP:
                return host_cause_seccomp(v, code, ret);
        case HOST_TOPIC_NONE:
        case HOST_TOPIC_COUNT:
                break;
        }
        return false;
}
