#include "call-rules.h"

#include <assert.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define ALL 0xffffffffu

#define EQUAL(a, v)                                                                                \
        {                                                                                          \
                CALL_TEST_EQUAL, (a), ALL, (uint32_t)(v)                                           \
        }
#define MASKED(a, m, v)                                                                            \
        {                                                                                          \
                CALL_TEST_EQUAL, (a), (uint32_t)(m), (uint32_t)(v)                                 \
        }
#define NOT_MASKED(a, m, v)                                                                        \
        {                                                                                          \
                CALL_TEST_DIFFERS, (a), (uint32_t)(m), (uint32_t)(v)                               \
        }
#define ABOVE(a, m, v)                                                                             \
        {                                                                                          \
                CALL_TEST_ABOVE, (a), (uint32_t)(m), (uint32_t)(v)                                 \
        }
#define ANY_BIT(a, v)                                                                              \
        {                                                                                          \
                CALL_TEST_ANY_BIT, (a), ALL, (uint32_t)(v)                                         \
        }

/*
 * AF_INET is 2 and AF_INET6 is 10: they differ in one bit.  The kernel keeps the kind of a socket
 * in the low four bits of its type, SOCK_NONBLOCK and SOCK_CLOEXEC above them.
 */
#define NO_BIT_3  (~8u)
#define TYPE_MASK 0xfu

#define CHARACTER(a) MASKED(a, S_IFMT, S_IFCHR)
#define BLOCK(a)     MASKED(a, S_IFMT, S_IFBLK)

/* Each namespace flag of clone(2); CLONE_NEWTIME lies in the byte of the exit signal, where no
 * signal has it. */
#define NAMESPACES                                                                                 \
        (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |             \
         CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWTIME)

/* from <linux/netfilter*>: xtables' commands that take a whole table from the caller */
#define XT_REPLACE     64
#define ARPT_REPLACE   96
#define EBT_REPLACE    128
#define XT_NO_LAST_BIT (~1u)

const struct call_rule call_rules[] = {
        /*
         * A new user namespace makes its creator root over fresh instances of nf_tables, the mount
         * API and more: most kernel exploits of an unprivileged user start there.
         */
        { "clone",
          CALL_RULE_WITHOUT_USERNS,
          { ANY_BIT(0, NAMESPACES) },
          EPERM,
          "flags have a namespace bit" },

        /*
         * Families: what ordinary programs speak.  Not VSOCK (reaches the hypervisor, and no
         * namespace holds it), ALG, RDS, TIPC, CAN, Bluetooth, PACKET and 30 more, each a module
         * that the kernel loads on demand.  Netlink only for addresses and routes (getaddrinfo
         * asks), not for nf_tables, audit, XFRM, uevents, generic netlink, socket diagnostics.
         * The errors are those of a kernel built without them, not EPERM: shadow's tools and PAM
         * go on without an audit socket after this one, and abort after EPERM.
         */
        { "socket", CALL_RULE_ALWAYS, { EQUAL(0, AF_UNIX) }, 0, "family AF_UNIX" },
        { "socket",
          CALL_RULE_ALWAYS,
          { EQUAL(0, AF_NETLINK), EQUAL(2, NETLINK_ROUTE) },
          0,
          "family AF_NETLINK, protocol NETLINK_ROUTE" },
        { "socket",
          CALL_RULE_ALWAYS,
          { EQUAL(0, AF_NETLINK) },
          EPROTONOSUPPORT,
          "family AF_NETLINK, any other protocol" },
        { "socket",
          CALL_RULE_ALWAYS,
          { NOT_MASKED(0, NO_BIT_3, AF_INET) },
          EAFNOSUPPORT,
          "any other family but AF_INET, AF_INET6" },
        /*
         * Within INET and INET6: raw sockets are the kernel's to judge by CAP_NET_RAW.  Types above
         * are DCCP, SEQPACKET (SCTP), and SOCK_PACKET, by which AF_INET becomes AF_PACKET.  Of the
         * protocols not SCTP, L2TP, UDP-Lite, nor SMC (256), which is AF_SMC by another name.
         */
        { "socket", CALL_RULE_ALWAYS, { MASKED(1, TYPE_MASK, SOCK_RAW) }, 0, "type SOCK_RAW" },
        { "socket",
          CALL_RULE_ALWAYS,
          { ABOVE(1, TYPE_MASK, SOCK_RAW) },
          EPROTONOSUPPORT,
          "any other type but SOCK_STREAM, SOCK_DGRAM" },
        { "socket", CALL_RULE_ALWAYS, { EQUAL(2, 0) }, 0, "the type's usual protocol" },
        { "socket", CALL_RULE_ALWAYS, { EQUAL(2, IPPROTO_TCP) }, 0, "protocol TCP" },
        { "socket", CALL_RULE_ALWAYS, { EQUAL(2, IPPROTO_UDP) }, 0, "protocol UDP" },
        { "socket", CALL_RULE_ALWAYS, { EQUAL(2, IPPROTO_ICMP) }, 0, "protocol ICMP" },
        { "socket", CALL_RULE_ALWAYS, { EQUAL(2, IPPROTO_ICMPV6) }, 0, "protocol ICMPv6" },
        { "socket", CALL_RULE_ALWAYS, { EQUAL(2, IPPROTO_MPTCP) }, 0, "protocol MPTCP" },
        { "socket",
          CALL_RULE_ALWAYS,
          { { CALL_TEST_NONE } },
          EPROTONOSUPPORT,
          "any other protocol" },

        { "socketpair", CALL_RULE_ALWAYS, { EQUAL(0, AF_UNIX) }, 0, "family AF_UNIX" },
        { "socketpair",
          CALL_RULE_ALWAYS,
          { { CALL_TEST_NONE } },
          EAFNOSUPPORT,
          "any other family" },

        /*
         * Terminals.  TIOCSTI and TIOCLINUX type into whatever reads the terminal next, TIOCCONS
         * takes the console's output, TIOCSETD loads line disciplines; 'K' and 'V' are the
         * keyboard, font and switching of a virtual console (other ioctls with those letters
         * have a size or direction above them, and are not meant).
         */
        { "ioctl", CALL_RULE_ALWAYS, { EQUAL(1, TIOCSTI) }, EPERM, "TIOCSTI" },
        { "ioctl", CALL_RULE_ALWAYS, { EQUAL(1, TIOCLINUX) }, EPERM, "TIOCLINUX" },
        { "ioctl", CALL_RULE_ALWAYS, { EQUAL(1, TIOCSETD) }, EPERM, "TIOCSETD" },
        { "ioctl", CALL_RULE_ALWAYS, { EQUAL(1, TIOCCONS) }, EPERM, "TIOCCONS" },
        { "ioctl",
          CALL_RULE_ALWAYS,
          { MASKED(1, 0xffffff00, 'K' << 8) },
          EPERM,
          "KD*: 0x4b00-0x4bff" },
        { "ioctl",
          CALL_RULE_ALWAYS,
          { MASKED(1, 0xffffff00, 'V' << 8) },
          EPERM,
          "VT_*: 0x5600-0x56ff" },

        /*
         * READ_IMPLIES_EXEC and ADDR_NO_RANDOMIZE switch defences off in what is run next, other
         * personalities reach old code.  Linux, 32-bit uname, a 2.6 uname, and "which is it?" stay.
         */
        { "personality", CALL_RULE_ALWAYS, { EQUAL(0, ALL) }, 0, "0xffffffff: ask" },
        /* 0x0, PER_LINUX32 8, UNAME26 0x20000, and both */
        { "personality",
          CALL_RULE_ALWAYS,
          { NOT_MASKED(0, ~0x20008u, 0) },
          EPERM,
          "any other but PER_LINUX and PER_LINUX32, with or without UNAME26" },

        /* rewrites what /proc says a process is: its executable, its arguments */
        { "prctl", CALL_RULE_ALWAYS, { EQUAL(0, PR_SET_MM) }, EPERM, "PR_SET_MM" },

        /* devices open the kernel behind the file system; it refuses too, but only from inside */
        { "mknod", CALL_RULE_WITHOUT_FAKES, { CHARACTER(1) }, EPERM, "a character device" },
        { "mknod", CALL_RULE_WITHOUT_FAKES, { BLOCK(1) }, EPERM, "a block device" },
        /* root of an image is told that there is one now, and there is none all the same */
        { "mknod", CALL_RULE_WITH_FAKES, { CHARACTER(1) }, CALL_RULE_FAKE, "a character device" },
        { "mknod", CALL_RULE_WITH_FAKES, { BLOCK(1) }, CALL_RULE_FAKE, "a block device" },
        { "mknodat", CALL_RULE_WITHOUT_FAKES, { CHARACTER(2) }, EPERM, "a character device" },
        { "mknodat", CALL_RULE_WITHOUT_FAKES, { BLOCK(2) }, EPERM, "a block device" },
        { "mknodat", CALL_RULE_WITH_FAKES, { CHARACTER(2) }, CALL_RULE_FAKE, "a character device" },
        { "mknodat", CALL_RULE_WITH_FAKES, { BLOCK(2) }, CALL_RULE_FAKE, "a block device" },

        /*
         * Root in a nested network namespace may load packet filter tables: netlink's are closed
         * above, these are the old way in (CVE-2021-22555).
         */
        { "setsockopt",
          CALL_RULE_WITH_USERNS,
          { EQUAL(1, IPPROTO_IP), MASKED(2, XT_NO_LAST_BIT, XT_REPLACE) },
          EPERM,
          "the table of iptables" },
        { "setsockopt",
          CALL_RULE_WITH_USERNS,
          { EQUAL(1, IPPROTO_IPV6), MASKED(2, XT_NO_LAST_BIT, XT_REPLACE) },
          EPERM,
          "the table of ip6tables" },
        { "setsockopt",
          CALL_RULE_WITH_USERNS,
          { EQUAL(1, IPPROTO_IP), MASKED(2, XT_NO_LAST_BIT, ARPT_REPLACE) },
          EPERM,
          "the table of arptables" },
        { "setsockopt",
          CALL_RULE_WITH_USERNS,
          { EQUAL(1, IPPROTO_IP), MASKED(2, XT_NO_LAST_BIT, EBT_REPLACE) },
          EPERM,
          "the table of ebtables" },
};

const size_t call_rules_count = sizeof(call_rules) / sizeof(call_rules[0]);

static_assert(sizeof(call_rules) / sizeof(call_rules[0]) <= CALL_RULES_MAX, "raise CALL_RULES_MAX");

bool call_rule_counts_for(const struct call_rule *rule, const struct call_variant *variant)
{
        switch (rule->scope) {
        case CALL_RULE_ALWAYS:
                return true;
        case CALL_RULE_WITHOUT_USERNS:
                return !variant->allow_userns;
        case CALL_RULE_WITH_USERNS:
                return variant->allow_userns;
        case CALL_RULE_WITHOUT_FAKES:
                return !variant->fake_root;
        case CALL_RULE_WITH_FAKES:
                return variant->fake_root;
        }
        return true;
}

uint32_t call_rule_action(const struct call_rule *rule, uint32_t allowed)
{
        if (rule->refuse == CALL_RULE_FAKE)
                return SECCOMP_RET_ERRNO;
        return rule->refuse ? SECCOMP_RET_ERRNO | (uint32_t)rule->refuse : allowed;
}
