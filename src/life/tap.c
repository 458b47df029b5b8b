#include "tap.h"

#include "fd.h"
#include "netlink.h"
#include "parse.h"
#include "tap-filter.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

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
                /* why there is none, the launcher finds out */
                return err_set(e, code, "there is no '%s' on this machine", TUN_PATH);
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

static int open_tap(struct err *e)
{
        struct ifreq request = { .ifr_name = TAP_NAME, .ifr_flags = IFF_TAP | IFF_NO_PI };
        autofd tun = open(TUN_PATH, O_RDWR | O_CLOEXEC);

        if (tun < 0)
                return tap_explain(errno, e);
        if (ioctl(tun, TUNSETIFF, &request) < 0) {
                if (errno == ENOTTY)
                        return tap_explain(ENODEV, e);
                return err_sys(e, "cannot make '%s'", TAP_NAME);
        }
        /*
         * It goes with its namespace.  A tap that went with slirp4netns instead would keep the end
         * of every run waiting for 15 ms, until the kernel has unregistered it.
         */
        if (ioctl(tun, TUNSETPERSIST, 1) < 0)
                return err_sys(e, "cannot keep '%s'", TAP_NAME);
        return 0;
}

/*
 * When slirp4netns is gone the tap has no carrier; its routes are then passed over, and a program
 * gets ENETUNREACH at once instead of waiting for a packet that nobody reads.
 */
static void add_linkdown_ignored(struct netlink *nl, int tap)
{
        struct {
                struct rtattr inet;
                struct rtattr conf;
                struct rtattr value;
                uint32_t one;
        } spec = {
                .inet = { .rta_type = AF_INET, .rta_len = 16 },
                .conf = { .rta_type = IFLA_INET_CONF, .rta_len = 12 },
                .value = { .rta_type = IPV4_DEVCONF_IGNORE_ROUTES_WITH_LINKDOWN, .rta_len = 8 },
                .one = 1,
        };
        struct ifinfomsg head = { .ifi_family = AF_UNSPEC, .ifi_index = tap };

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

/*
 * A socket bound to the tap (SO_BINDTODEVICE takes no privilege) does not see routes without a
 * device.  IPv4 then takes the address for a neighbour, and slirp4netns answers no ARP for it.
 * IPv6 would take the default route: a second route, worse than the first, makes it a neighbour
 * there too.
 */
static void add_refusing_routes(struct netlink *nl, const struct tap_spec *spec, int tap)
{
        static const uint32_t worse = 2048;

        for (size_t i = 0; i < spec->blocked->n; i++) {
                const struct blocked_net *net = &spec->blocked->nets[i];

                if (!net->has_route || (net->family == AF_INET6 && !spec->has_ipv6))
                        continue;
                /* the filter can tell an answer from a connection, a route cannot */
                if (net->is_host && net->family == AF_INET && spec->answers_host)
                        continue;
                begin_route(nl, net->family, RTN_UNREACHABLE, net->prefix, net->name);
                netlink_add(nl, RTA_DST, net->address, net->family == AF_INET ? 4 : 16);
                if (net->family == AF_INET)
                        continue;
                begin_route(nl, AF_INET6, RTN_UNICAST, net->prefix, net->name);
                netlink_add(nl, RTA_DST, net->address, 16);
                netlink_add(nl, RTA_OIF, &tap, sizeof(tap));
                netlink_add(nl, RTA_PRIORITY, &worse, sizeof(worse));
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
        if (open_tap(e) < 0)
                return -e->code;

        int loopback = (int)if_nametoindex("lo");
        int tap = (int)if_nametoindex(TAP_NAME);
        if (loopback == 0 || tap == 0)
                return err_sys(e, "cannot find '%s'", loopback == 0 ? "lo" : TAP_NAME);

        /* IPv6's refusing routes hang on loopback, which pid 1 sets up only about now */
        netlink_set_up(&nl, loopback, "lo");
        add_linkdown_ignored(&nl, tap);
        if (spec->has_ipv6) {
                netlink_set_up(&nl, tap, TAP_NAME);
                add_ipv6(&nl, tap);
        }
        add_refusing_routes(&nl, spec, tap);
        if (netlink_send(&nl, e) < 0)
                return err_prefix(e, "the sandbox's routes");
        return 0;
}

/* Finds slirp4netns's descriptor of the tap by the name of its file. */
static int find_tap_fd(pid_t pid, struct err *e)
{
        char path[32];
        autodir *dir = NULL;
        struct dirent *entry;

        snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
        dir = opendir(path);
        if (!dir)
                return err_sys(e, "cannot look at the descriptors of slirp4netns");
        while ((entry = readdir(dir))) {
                char target[sizeof(TUN_PATH) + 1];
                ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target));

                uint64_t fd;

                if (n == sizeof(TUN_PATH) - 1 && memcmp(target, TUN_PATH, (size_t)n) == 0 &&
                    parse_number(entry->d_name, 0, INT32_MAX, &fd, e) == 0)
                        return (int)fd;
        }
        return err_set(e, ENOENT, "slirp4netns does not have '%s' open", TUN_PATH);
}

int tap_guard(const struct child *slirp, const struct blocked *blocked, bool answers_host,
              struct err *e)
{
        struct tap_filter filter;
        int theirs = find_tap_fd(slirp->pid, e);

        if (theirs < 0)
                return theirs;
        autofd tap = (int)syscall(SYS_pidfd_getfd, slirp->pidfd, theirs, 0);
        if (tap < 0)
                return err_sys(e, "cannot get at the tap of slirp4netns");
        tap_filter_build(&filter, blocked, answers_host);
        struct sock_fprog program = { .len = (unsigned short)filter.n, .filter = filter.code };
        if (ioctl(tap, TUNATTACHFILTER, &program) < 0)
                return err_sys(e, "cannot set the filter of '%s'", TAP_NAME);
        return 0;
}
