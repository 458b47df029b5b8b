#include "attempt.h"
#include "cause.h"
#include "netlink.h"
#include "outer.h"
#include "probes.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * A filtered network hangs on a pair of veth devices, between the sandbox's network namespace and
 * one more.  The kernel loads their module by itself, also for a user who is root of a namespace
 * alone, so what is missing is not installed, or this kernel loads none any more.
 */

static int make_pair(void *data, char *note, struct err *e)
{
        struct netlink nl = { .len = 0 };
        struct ifinfomsg head = { .ifi_family = AF_UNSPEC };

        (void)data;
        (void)note;
        if (unshare(CLONE_NEWNET) < 0)
                return host_failed(e, HOST_TOPIC_NAMESPACES,
                                   err_sys(e, "cannot make a network namespace"));
        netlink_begin(&nl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head), "veth");
        size_t info = netlink_open(&nl, IFLA_LINKINFO, NULL, 0);
        netlink_add(&nl, IFLA_INFO_KIND, "veth", sizeof("veth"));
        netlink_close(&nl, info);
        if (netlink_send(&nl, e) < 0)
                return host_failed(e, HOST_TOPIC_VETH, -e->code);
        return 0;
}

static void explain_module(const struct host_view *v, struct host_cause *ret)
{
        if (host_find_outer(v) != HOST_OUTER_NONE && !host_has_module(v, "veth")) {
                host_cause_why(ret, "the host's kernel has not loaded its module 'veth'");
                host_cause_fix(ret, "on the host, outside of all containers: sudo modprobe veth");
                return;
        }
        if (host_has_module(v, "veth")) {
                host_cause_why(ret, "the kernel module 'veth' is not loaded");
                host_cause_fix(ret, "%smodprobe veth", host_sudo(v));
                host_cause_fix(ret, "to keep it: echo veth | %stee /etc/modules-load.d/veth.conf",
                               host_sudo(v));
                return;
        }
        host_cause_why(ret, "the kernel has no veth devices");
        host_cause_fix(ret, "use a kernel with CONFIG_VETH; after an upgrade of the running one: "
                            "reboot");
}

bool host_cause_veth(const struct host_view *v, int code, struct host_cause *ret)
{
        switch (code) {
        case EOPNOTSUPP:
                explain_module(v, ret);
                return true;
        case ENOSPC:
        case EUSERS:
                /* it takes two of them where others take one */
                host_cause_limit(v, "net", ret);
                return true;
        default:
                return host_cause_refused(v, code, ret);
        }
}

void host_probe_veth(const struct host_view *v, struct host_fact *ret)
{
        const struct host_attempt attempt = { .run = make_pair, .in_userns = true };
        struct err e = { 0 };

        if (host_attempt(v, &attempt, NULL, &e) == 0) {
                host_fact_set(ret, HOST_OK, "--network filtered can make its devices");
                return;
        }
        if (host_is_untried(&e, HOST_TOPIC_VETH, ret))
                return;
        host_fact_set(ret, HOST_MISSING, "--network filtered cannot work: %.*s",
                      err_message_len(&e), e.text);
        host_cause_veth(v, e.code, &ret->cause);
}
