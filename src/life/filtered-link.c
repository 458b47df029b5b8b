#include "filtered-link.h"

#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GATE_NAME "gate0"
#define BOX_NAME  "net0"
#define BOX       "198.18.0.2"
#define GATE6     "fd6b:656c:70::1"
#define BOX6      "fd6b:656c:70::2"

/* Chosen, so that it need not be asked for; devices that come by themselves have small numbers. */
#define INDEX    1000
#define LOOPBACK 1

/* IFLA_GSO_IPV4_MAX_SIZE, Linux 6.3; an older one ignores it, and older headers lack it. */
#define GSO_IPV4_MAX_SIZE 63

/* Room is left for what one rule adds. */
#define MANY_REQUESTS (NETLINK_MAX_REQUESTS - 8)

bool filtered_has_ipv6(const struct plan_net *net)
{
        for (size_t i = 0; i < net->n_rules; i++) {
                const struct net_rule *rule = &net->rules[i];

                if (!rule->is_deny && rule->kind == NET_RULE_NETWORK && rule->family == AF_INET6)
                        return true;
        }
        return false;
}

static bool kernel_has_ipv6(void)
{
        int sock = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        if (sock < 0)
                return false;
        close(sock);
        return true;
}

static int check_ipv6(struct err *e)
{
        if (kernel_has_ipv6())
                return 0;
        err_set(e, EAFNOSUPPORT, "a rule names an IPv6 address, and this kernel has no IPv6");
        return err_hint(e, "leave the rule out; a name needs none");
}

/*
 * This wire is memory of one machine: larger packets cost less.  The MTU is about what loopback
 * has.  Of what a sandbox sends by IPv4, TCP may hand over eight such in one piece; what kelp-proxy
 * sends to it are the pages that have come in, which make smaller ones.
 */
static void add_sizes(struct netlink *nl)
{
        uint32_t mtu = 65535;
        uint32_t most = 8 * mtu;

        netlink_add(nl, IFLA_MTU, &mtu, sizeof(mtu));
        netlink_add(nl, GSO_IPV4_MAX_SIZE, &most, sizeof(most));
}

int filtered_link_make(int netns, struct err *e)
{
        struct netlink nl = { .len = 0 };
        struct ifinfomsg head = { .ifi_family = AF_UNSPEC, .ifi_index = INDEX };

        netlink_begin(&nl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head), GATE_NAME);
        netlink_add(&nl, IFLA_IFNAME, GATE_NAME, sizeof(GATE_NAME));
        add_sizes(&nl);
        size_t info = netlink_open(&nl, IFLA_LINKINFO, NULL, 0);
        netlink_add(&nl, IFLA_INFO_KIND, "veth", sizeof("veth"));
        size_t data = netlink_open(&nl, IFLA_INFO_DATA, NULL, 0);
        size_t peer = netlink_open(&nl, VETH_INFO_PEER, &head, sizeof(head));
        netlink_add(&nl, IFLA_IFNAME, BOX_NAME, sizeof(BOX_NAME));
        add_sizes(&nl);
        netlink_add(&nl, IFLA_NET_NS_FD, &netns, sizeof(netns));
        netlink_close(&nl, peer);
        netlink_close(&nl, data);
        netlink_close(&nl, info);
        if (netlink_send(&nl, e) == 0)
                return 0;
        /* why there are none is for `kelp doctor` to tell, and for the hint that comes from there */
        if (e->code != EOPNOTSUPP)
                return err_prefix(e, "the wire to the gateway");
        return err_set(e, EOPNOTSUPP,
                       "the kernel makes no veth devices, of which a filtered network is made");
}

/*
 * A new namespace takes over from the host whether it forwards; there is nowhere to forward to, and
 * so it is.  No link-local addresses: nothing is to be said that nobody asked for.
 */
static void add_settings(struct netlink *nl, const char *name)
{
        struct ifinfomsg head = { .ifi_family = AF_UNSPEC, .ifi_index = INDEX };
        uint8_t no_addresses = IN6_ADDR_GEN_MODE_NONE;
        uint32_t off = 0;

        netlink_begin(nl, RTM_NEWLINK, 0, &head, sizeof(head), name);
        size_t spec = netlink_open(nl, IFLA_AF_SPEC, NULL, 0);
        size_t v4 = netlink_open(nl, AF_INET, NULL, 0);
        size_t conf = netlink_open(nl, IFLA_INET_CONF, NULL, 0);
        netlink_add(nl, IPV4_DEVCONF_FORWARDING, &off, sizeof(off));
        netlink_close(nl, conf);
        netlink_close(nl, v4);
        if (kernel_has_ipv6()) {
                size_t v6 = netlink_open(nl, AF_INET6, NULL, 0);

                netlink_add(nl, IFLA_INET6_ADDR_GEN_MODE, &no_addresses, sizeof(no_addresses));
                netlink_close(nl, v6);
        }
        netlink_close(nl, spec);
}

static size_t size_of(int family)
{
        return family == AF_INET ? 4 : 16;
}

static void add_address(struct netlink *nl, int family, const char *text, uint8_t prefix)
{
        struct ifaddrmsg head = {
                .ifa_family = (uint8_t)family,
                .ifa_prefixlen = prefix,
                .ifa_flags = family == AF_INET6 ? IFA_F_NODAD : 0,
                .ifa_index = INDEX,
        };
        uint8_t address[16];

        inet_pton(family, text, address);
        netlink_begin(nl, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head), text);
        netlink_add(nl, IFA_LOCAL, address, size_of(family));
        netlink_add(nl, IFA_ADDRESS, address, size_of(family));
}

/* A route to `prefix` bits of `address`; REPLACE: rules name the same network more than once. */
static void begin_route(struct netlink *nl, int family, uint8_t type, const uint8_t *address,
                        uint8_t prefix, const char *name)
{
        struct rtmsg head = {
                .rtm_family = (uint8_t)family,
                .rtm_dst_len = prefix,
                .rtm_table = type == RTN_LOCAL ? RT_TABLE_LOCAL : RT_TABLE_MAIN,
                .rtm_protocol = RTPROT_STATIC,
                .rtm_scope = type == RTN_LOCAL ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE,
                .rtm_type = type,
        };

        netlink_begin(nl, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &head, sizeof(head), name);
        netlink_add(nl, RTA_DST, address, size_of(family));
}

/* In the gateway: all of it is an address of its own. */
static void add_own(struct netlink *nl, int family, const uint8_t *address, uint8_t prefix,
                    const char *name)
{
        int loopback = LOOPBACK;

        begin_route(nl, family, RTN_LOCAL, address, prefix, name);
        netlink_add(nl, RTA_OIF, &loopback, sizeof(loopback));
}

/*
 * A new namespace has the host's congestion control, which may be one that paces what it sends by a
 * timer (bbr): a third of what kelp-proxy spent.  Nothing is lost or queued on this wire, and every
 * kernel has this one.  Beyond kelp-proxy the host's own is used.
 */
static void add_congestion(struct netlink *nl)
{
        size_t metrics = netlink_open(nl, RTA_METRICS, NULL, 0);

        netlink_add(nl, RTAX_CC_ALGO, "reno", sizeof("reno"));
        netlink_close(nl, metrics);
}

/* In the sandbox: the way to it is the gateway. */
static void add_way(struct netlink *nl, int family, const uint8_t *address, uint8_t prefix,
                    const char *name)
{
        int index = INDEX;
        uint8_t gateway[16];

        inet_pton(family, family == AF_INET ? PLAN_GATEWAY : GATE6, gateway);
        begin_route(nl, family, RTN_UNICAST, address, prefix, name);
        netlink_add(nl, RTA_GATEWAY, gateway, size_of(family));
        netlink_add(nl, RTA_OIF, &index, sizeof(index));
        add_congestion(nl);
}

/* The other end of the wire itself. */
static void add_neighbour(struct netlink *nl, uint8_t table, int family, const char *text)
{
        uint8_t address[16];
        int index = INDEX;
        struct rtmsg head = {
                .rtm_family = (uint8_t)family,
                .rtm_dst_len = (uint8_t)(size_of(family) * 8),
                .rtm_table = table,
                .rtm_protocol = RTPROT_STATIC,
                .rtm_scope = family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
                .rtm_type = RTN_UNICAST,
        };

        inet_pton(family, text, address);
        netlink_begin(nl, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head), text);
        netlink_add(nl, RTA_DST, address, size_of(family));
        netlink_add(nl, RTA_OIF, &index, sizeof(index));
        add_congestion(nl);
}

/*
 * Addresses that mean the sandbox itself wherever they are used, or nobody: a name may lead there
 * by a rule, a route cannot.
 */
static bool has_no_way(const struct net_rule *rule)
{
        static const uint8_t zero[15] = { 0 };
        const uint8_t *a = rule->address;

        if (rule->family == AF_INET)
                return rule->prefix >= 4 &&
                       (a[0] == 127 || (a[0] == 0 && rule->prefix >= 8) || a[0] >= 224);
        if (rule->prefix == 128 && memcmp(a, zero, sizeof(zero)) == 0 && a[15] <= 1)
                return true;
        return rule->prefix >= 8 && (a[0] == 0xff || (a[0] == 0xfe && (a[1] & 0xc0) == 0x80));
}

static int send_if(struct netlink *nl, size_t n, struct err *e)
{
        if (nl->n < n && nl->len < sizeof(nl->data) / 2)
                return 0;
        return netlink_send(nl, e) < 0 ? err_prefix(e, "the network's routes") : 0;
}

static int add_rules(struct netlink *nl, const struct plan_net *net, bool is_gateway, struct err *e)
{
        for (size_t i = 0; i < net->n_rules; i++) {
                const struct net_rule *rule = &net->rules[i];

                if (rule->is_deny || rule->kind != NET_RULE_NETWORK || has_no_way(rule))
                        continue;
                if (is_gateway)
                        add_own(nl, rule->family, rule->address, rule->prefix, rule->text);
                else
                        add_way(nl, rule->family, rule->address, rule->prefix, rule->text);
                if (send_if(nl, MANY_REQUESTS, e) < 0)
                        return -e->code;
        }
        return 0;
}

static const uint8_t fakes[4] = { 198, 19, 0, 0 };

int filtered_link_set_gateway(const struct plan_net *net, struct err *e)
{
        struct netlink nl = { .len = 0 };

        if (filtered_has_ipv6(net) && check_ipv6(e) < 0)
                return -e->code;
        netlink_set_up(&nl, LOOPBACK, "lo");
        add_settings(&nl, GATE_NAME);
        netlink_set_up(&nl, INDEX, GATE_NAME);
        add_address(&nl, AF_INET, PLAN_GATEWAY, 30);
        /* in this table: it stays the sandbox's where a rule allows a network that covers it */
        add_neighbour(&nl, RT_TABLE_LOCAL, AF_INET, BOX);
        add_own(&nl, AF_INET, fakes, 16, PLAN_FAKES);
        if (filtered_has_ipv6(net)) {
                add_address(&nl, AF_INET6, GATE6, 126);
                add_neighbour(&nl, RT_TABLE_LOCAL, AF_INET6, BOX6);
        }
        return add_rules(&nl, net, true, e) < 0 ? -e->code : send_if(&nl, 0, e);
}

int filtered_link_set_sandbox(const struct plan_net *net, struct err *e)
{
        struct netlink nl = { .len = 0 };

        add_settings(&nl, BOX_NAME);
        netlink_set_up(&nl, INDEX, BOX_NAME);
        add_address(&nl, AF_INET, BOX, 30);
        add_neighbour(&nl, RT_TABLE_MAIN, AF_INET, PLAN_GATEWAY);
        add_way(&nl, AF_INET, fakes, 16, PLAN_FAKES);
        if (filtered_has_ipv6(net))
                add_address(&nl, AF_INET6, BOX6, 126);
        return add_rules(&nl, net, false, e) < 0 ? -e->code : send_if(&nl, 0, e);
}
