#include "call-word.h"

#include "str.h"

#include <asm/ioctls.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/personality.h>
#include <sys/socket.h>

/* The arguments that words may judge, and what the manual pages call their values. */

struct constant {
        const char *name;
        uint32_t value;
};

#define VALUE(name)                                                                                \
        {                                                                                          \
#name, (uint32_t)(name)                                                            \
        }
#define END                                                                                        \
        {                                                                                          \
                NULL, 0                                                                            \
        }

static const struct constant requests[] = {
        VALUE(TIOCSTI),
        VALUE(TIOCLINUX),
        VALUE(TIOCSETD),
        VALUE(TIOCGETD),
        VALUE(TIOCCONS),
        VALUE(TIOCSCTTY),
        VALUE(TIOCNOTTY),
        VALUE(TIOCGWINSZ),
        VALUE(TIOCSWINSZ),
        VALUE(TIOCGPGRP),
        VALUE(TIOCSPGRP),
        VALUE(TIOCGSID),
        VALUE(TIOCEXCL),
        VALUE(TIOCNXCL),
        VALUE(TIOCOUTQ),
        VALUE(TIOCGPTN),
        VALUE(TIOCSPTLCK),
        VALUE(TIOCGPTPEER),
        VALUE(TIOCPKT),
        VALUE(TIOCMGET),
        VALUE(TIOCMSET),
        VALUE(TIOCVHANGUP),
        VALUE(TCGETS),
        VALUE(TCSETS),
        VALUE(TCSETSW),
        VALUE(TCSETSF),
        VALUE(TCFLSH),
        VALUE(TCSBRK),
        VALUE(TCSBRKP),
        VALUE(TCXONC),
        VALUE(FIONREAD),
        VALUE(FIONBIO),
        VALUE(FIOASYNC),
        VALUE(FIOCLEX),
        VALUE(FIONCLEX),
        VALUE(FIOQSIZE),
        VALUE(FS_IOC_GETFLAGS),
        VALUE(FS_IOC_SETFLAGS),
        VALUE(FICLONE),
        VALUE(FICLONERANGE),
        VALUE(FIDEDUPERANGE),
        VALUE(FIFREEZE),
        VALUE(FITHAW),
        VALUE(FITRIM),
        VALUE(BLKGETSIZE64),
        VALUE(SIOCGIFCONF),
        VALUE(SIOCGIFNAME),
        VALUE(SIOCGIFFLAGS),
        VALUE(SIOCGIFADDR),
        VALUE(SIOCGIFINDEX),
        VALUE(SIOCGIFHWADDR),
        VALUE(SIOCGIFMTU),
        END,
};

static const struct constant clone_flags[] = {
        VALUE(CLONE_VM),
        VALUE(CLONE_FS),
        VALUE(CLONE_FILES),
        VALUE(CLONE_SIGHAND),
        VALUE(CLONE_PIDFD),
        VALUE(CLONE_PTRACE),
        VALUE(CLONE_VFORK),
        VALUE(CLONE_PARENT),
        VALUE(CLONE_THREAD),
        VALUE(CLONE_NEWNS),
        VALUE(CLONE_SYSVSEM),
        VALUE(CLONE_SETTLS),
        VALUE(CLONE_PARENT_SETTID),
        VALUE(CLONE_CHILD_CLEARTID),
        VALUE(CLONE_UNTRACED),
        VALUE(CLONE_CHILD_SETTID),
        VALUE(CLONE_NEWCGROUP),
        VALUE(CLONE_NEWUTS),
        VALUE(CLONE_NEWIPC),
        VALUE(CLONE_NEWUSER),
        VALUE(CLONE_NEWPID),
        VALUE(CLONE_NEWNET),
        VALUE(CLONE_IO),
        END,
};

static const struct constant families[] = {
        VALUE(AF_UNSPEC), VALUE(AF_UNIX),      VALUE(AF_LOCAL),  VALUE(AF_INET),
        VALUE(AF_INET6),  VALUE(AF_NETLINK),   VALUE(AF_PACKET), VALUE(AF_ALG),
        VALUE(AF_VSOCK),  VALUE(AF_BLUETOOTH), VALUE(AF_CAN),    VALUE(AF_TIPC),
        VALUE(AF_RDS),    VALUE(AF_KEY),       VALUE(AF_XDP),    VALUE(AF_SMC),
        VALUE(AF_RXRPC),  VALUE(AF_QIPCRTR),   VALUE(AF_NFC),    VALUE(AF_KCM),
        VALUE(AF_LLC),    VALUE(AF_AX25),      VALUE(AF_IPX),    VALUE(AF_APPLETALK),
        VALUE(AF_X25),    VALUE(AF_PPPOX),     VALUE(AF_PHONET), END,
};

static const struct constant types[] = {
        VALUE(SOCK_STREAM),    VALUE(SOCK_DGRAM), VALUE(SOCK_RAW),    VALUE(SOCK_RDM),
        VALUE(SOCK_SEQPACKET), VALUE(SOCK_DCCP),  VALUE(SOCK_PACKET), END,
};

static const struct constant protocols[] = {
        VALUE(IPPROTO_IP),
        VALUE(IPPROTO_TCP),
        VALUE(IPPROTO_UDP),
        VALUE(IPPROTO_ICMP),
        VALUE(IPPROTO_ICMPV6),
        VALUE(IPPROTO_RAW),
        VALUE(IPPROTO_SCTP),
        VALUE(IPPROTO_UDPLITE),
        VALUE(IPPROTO_MPTCP),
        VALUE(NETLINK_ROUTE),
        VALUE(NETLINK_GENERIC),
        VALUE(NETLINK_NETFILTER),
        VALUE(NETLINK_SOCK_DIAG),
        VALUE(NETLINK_AUDIT),
        VALUE(NETLINK_KOBJECT_UEVENT),
        VALUE(NETLINK_XFRM),
        END,
};

static const struct constant prctls[] = {
        VALUE(PR_SET_PDEATHSIG),
        VALUE(PR_GET_PDEATHSIG),
        VALUE(PR_GET_DUMPABLE),
        VALUE(PR_SET_DUMPABLE),
        VALUE(PR_GET_KEEPCAPS),
        VALUE(PR_SET_KEEPCAPS),
        VALUE(PR_SET_NAME),
        VALUE(PR_GET_NAME),
        VALUE(PR_GET_SECCOMP),
        VALUE(PR_SET_SECCOMP),
        VALUE(PR_CAPBSET_READ),
        VALUE(PR_CAPBSET_DROP),
        VALUE(PR_GET_TSC),
        VALUE(PR_SET_TSC),
        VALUE(PR_GET_SECUREBITS),
        VALUE(PR_SET_SECUREBITS),
        VALUE(PR_GET_TIMERSLACK),
        VALUE(PR_SET_TIMERSLACK),
        VALUE(PR_MCE_KILL),
        VALUE(PR_MCE_KILL_GET),
        VALUE(PR_SET_MM),
        VALUE(PR_SET_PTRACER),
        VALUE(PR_SET_CHILD_SUBREAPER),
        VALUE(PR_GET_CHILD_SUBREAPER),
        VALUE(PR_SET_NO_NEW_PRIVS),
        VALUE(PR_GET_NO_NEW_PRIVS),
        VALUE(PR_SET_THP_DISABLE),
        VALUE(PR_GET_THP_DISABLE),
        VALUE(PR_CAP_AMBIENT),
        VALUE(PR_GET_SPECULATION_CTRL),
        VALUE(PR_SET_SPECULATION_CTRL),
        VALUE(PR_SET_VMA),
        VALUE(PR_TASK_PERF_EVENTS_DISABLE),
        VALUE(PR_TASK_PERF_EVENTS_ENABLE),
        END,
};

static const struct constant personalities[] = {
        VALUE(PER_LINUX),
        VALUE(PER_LINUX32),
        VALUE(UNAME26),
        VALUE(ADDR_NO_RANDOMIZE),
        VALUE(READ_IMPLIES_EXEC),
        VALUE(ADDR_COMPAT_LAYOUT),
        VALUE(MMAP_PAGE_ZERO),
        VALUE(SHORT_INODE),
        VALUE(WHOLE_SECONDS),
        VALUE(STICKY_TIMEOUTS),
        VALUE(ADDR_LIMIT_3GB),
        VALUE(ADDR_LIMIT_32BIT),
        END,
};

/* The kernel keeps the kind of a socket in the low four bits, SOCK_NONBLOCK and the like above. */
#define TYPE_BITS 0xfu
#define ALL_BITS  UINT32_MAX

static const struct {
        const char *call;
        unsigned arg;
        uint32_t mask;
        const struct constant *constants;
} args[] = {
        { "ioctl", 1, ALL_BITS, requests },    { "clone", 0, ALL_BITS, clone_flags },
        { "socket", 0, ALL_BITS, families },   { "socket", 1, TYPE_BITS, types },
        { "socket", 2, ALL_BITS, protocols },  { "socketpair", 0, ALL_BITS, families },
        { "socketpair", 1, TYPE_BITS, types }, { "socketpair", 2, ALL_BITS, protocols },
        { "prctl", 0, ALL_BITS, prctls },      { "personality", 0, ALL_BITS, personalities },
};

#define N_ARGS        (sizeof(args) / sizeof(args[0]))
#define MAX_CONSTANTS 80

static const struct constant *constants_of(const char *call, unsigned arg, uint32_t *ret_mask)
{
        for (size_t i = 0; i < N_ARGS; i++) {
                if (args[i].arg != arg || !str_eq(args[i].call, call))
                        continue;
                *ret_mask = args[i].mask;
                return args[i].constants;
        }
        return NULL;
}

bool call_constant_has_arg(const char *call, unsigned arg, uint32_t *ret_mask)
{
        return constants_of(call, arg, ret_mask) != NULL;
}

bool call_constant_find(const char *call, unsigned arg, const char *name, uint32_t *ret,
                        const char **nearest)
{
        const char *names[MAX_CONSTANTS + 1];
        uint32_t mask;
        const struct constant *known = constants_of(call, arg, &mask);
        size_t n = 0;

        for (; known && known[n].name && n < MAX_CONSTANTS; n++) {
                if (str_eq(known[n].name, name)) {
                        *ret = known[n].value;
                        return true;
                }
                names[n] = known[n].name;
        }
        names[n] = NULL;
        if (nearest)
                *nearest = str_nearest(name, names);
        return false;
}

const char *call_constant_name(const char *call, unsigned arg, uint32_t value)
{
        uint32_t mask;
        const struct constant *known = constants_of(call, arg, &mask);

        for (; known && known->name; known++) {
                if (known->value == (value & mask))
                        return known->name;
        }
        return NULL;
}
