#include "tap.h"

#include "fd.h"
#include "netlink.h"
#include "tap-filter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>

#define TUN_PATH "/dev/net/tun"

static int explain_denied(struct err *e)
{
        struct statvfs fs;

        if (statvfs(TUN_PATH, &fs) == 0 && (fs.f_flag & ST_NODEV)) {
                err_set(e, EACCES, "cannot open '%s': it lies on a file system mounted nodev",
                        TUN_PATH);
                return err_hint(e, "in a container: start it with --device /dev/net/tun");
        }
        err_set(e, EACCES, "cannot open '%s': this user has no permission", TUN_PATH);
        return err_hint(e,
                        "sudo chmod 0666 %s; to keep it so: echo 'KERNEL==\"tun\", "
                        "MODE=\"0666\"' | sudo tee /etc/udev/rules.d/60-tun.rules",
                        TUN_PATH);
}

int tap_explain(int code, struct err *e)
{
        switch (code) {
        case ENOENT:
        case ENOTDIR:
                err_set(e, code, "there is no '%s' on this machine", TUN_PATH);
                return err_hint(e, "load its module: sudo modprobe tun; in a container: start it "
                                   "with --device /dev/net/tun");
        case ENODEV:
        case ENXIO:
                err_set(e, code, "the kernel has no driver behind '%s'", TUN_PATH);
                return err_hint(e, "load its module: sudo modprobe tun");
        case EACCES:
                return explain_denied(e);
        case EPERM:
                err_set(e, code,
                        "cannot open '%s': the device rules of an outer container refuse it",
                        TUN_PATH);
                return err_hint(e, "start the outer container with --device /dev/net/tun");
        default:
                errno = code;
                return err_sys(e, "cannot open '%s'", TUN_PATH);
        }
}

static int open_tap(const struct tap_spec *spec, struct err *e)
{
        struct ifreq request = { .ifr_name = TAP_NAME, .ifr_flags = IFF_TAP | IFF_NO_PI };
        struct tap_filter filter;
        autofd tun = open(TUN_PATH, O_RDWR | O_CLOEXEC);

        if (tun < 0)
                return tap_explain(errno, e);
        if (ioctl(tun, TUNSETIFF, &request) < 0) {
                if (errno == ENOTTY)
                        return tap_explain(ENODEV, e);
                return err_sys(e, "cannot make '%s'", TAP_NAME);
        }
        tap_filter_build(&filter, spec->blocked, spec->has_ipv6);
        struct sock_fprog program = { .len = (unsigned short)filter.n, .filter = filter.code };
        if (ioctl(tun, TUNATTACHFILTER, &program) < 0)
                return err_sys(e, "cannot set the filter of '%s'", TAP_NAME);
        if (ioctl(tun, TUNSETPERSIST, 1) < 0)
                return err_sys(e, "cannot keep '%s'", TAP_NAME);
        return 0;
}

static void add_link_up(struct netlink *nl, int index, const char *name)
{
        struct ifinfomsg head = {
                .ifi_family = AF_UNSPEC,
                .ifi_index = index,
                .ifi_flags = IFF_UP,
                .ifi_change = IFF_UP,
        };

        netlink_begin(nl, RTM_NEWLINK, 0, &head, sizeof(head), name);
}

/*
 * When slirp4netns is gone the tap has no carrier; its routes are then passed over, and a program
 * gets ENETUNREACH at once instead of waiting for a packet that nobody reads.
 */
static void add_linkdown_ignored(struct netlink *nl, int index)
{
        struct {
                struct rtattr inet;
                struct rtattr conf;
                struct rtattr value;
                uint32_t one;
        } spec = {
                .inet = { .rta_type = AF_INET, .rta_len = sizeof(spec) },
                .conf = { .rta_type = IFLA_INET_CONF, .rta_len = sizeof(spec) - 4 },
                .value = { .rta_type = IPV4_DEVCONF_IGNORE_ROUTES_WITH_LINKDOWN, .rta_len = 8 },
                .one = 1,
        };
        struct ifinfomsg head = { .ifi_family = AF_UNSPEC, .ifi_index = index };

        netlink_begin(nl, RTM_NEWLINK, 0, &head, sizeof(head), TAP_NAME);
        netlink_add(nl, IFLA_AF_SPEC, &spec, sizeof(spec));
}

static void begin_route(struct netlink *nl, int family, uint8_t type, uint8_t prefix,
                        const char *name)
{
        struct rtmsg head = {
                .rtm_family = (uint8_t)family,
                .rtm_dst_len = prefix,
                .rtm_table = RT_TABLE_MAIN,
                .rtm_protocol = RTPROT_STATIC,
                .rtm_scope = RT_SCOPE_UNIVERSE,
                .rtm_type = type,
        };

        netlink_begin(nl, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head), name);
}

static void add_refusing_routes(struct netlink *nl, const struct blocked *b, bool has_ipv6)
{
        for (size_t i = 0; i < b->n; i++) {
                const struct blocked_net *net = &b->nets[i];

                if (!net->has_route || (net->family == AF_INET6 && !has_ipv6))
                        continue;
                begin_route(nl, net->family, RTN_UNREACHABLE, net->prefix, net->name);
                netlink_add(nl, RTA_DST, net->address, net->family == AF_INET ? 4 : 16);
        }
}

/*
 * slirp4netns configures IPv4 alone and leaves IPv6 to router advertisements, which come when they
 * come: set by hand, the address is there before the payload.
 */
static void add_ipv6(struct netlink *nl, int index)
{
        struct ifaddrmsg head = {
                .ifa_family = AF_INET6,
                .ifa_prefixlen = 64,
                .ifa_flags = IFA_F_NODAD,
                .ifa_index = (uint32_t)index,
        };
        struct in6_addr own;
        struct in6_addr gateway;

        inet_pton(AF_INET6, "fd00::100", &own);
        inet_pton(AF_INET6, "fd00::2", &gateway);
        netlink_begin(nl, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head),
                      "fd00::100/64");
        netlink_add(nl, IFA_LOCAL, &own, sizeof(own));
        netlink_add(nl, IFA_ADDRESS, &own, sizeof(own));

        begin_route(nl, AF_INET6, RTN_UNICAST, 0, "the IPv6 default route");
        netlink_add(nl, RTA_GATEWAY, &gateway, sizeof(gateway));
        netlink_add(nl, RTA_OIF, &index, sizeof(index));
}

int tap_make(const struct tap_spec *spec, struct err *e)
{
        struct netlink nl = { .len = 0 };

        if (setns(spec->netns, CLONE_NEWNET) < 0)
                return err_sys(e, "cannot enter the sandbox's network namespace");
        if (open_tap(spec, e) < 0)
                return -e->code;

        int loopback = (int)if_nametoindex("lo");
        int tap = (int)if_nametoindex(TAP_NAME);
        if (loopback == 0 || tap == 0)
                return err_sys(e, "cannot find '%s'", loopback == 0 ? "lo" : TAP_NAME);

        /* IPv6's refusing routes hang on loopback, which pid 1 sets up only about now */
        add_link_up(&nl, loopback, "lo");
        add_refusing_routes(&nl, spec->blocked, spec->has_ipv6);
        add_linkdown_ignored(&nl, tap);
        if (spec->has_ipv6) {
                add_link_up(&nl, tap, TAP_NAME);
                add_ipv6(&nl, tap);
        }
        if (netlink_send(&nl, e) < 0)
                return err_prefix(e, "the sandbox's routes");
        return 0;
}
