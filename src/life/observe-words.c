#include "observe-words.h"

#include "call-names.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/*
 * Arguments are shown where they are numbers that the policy may have judged by.  An address in
 * memory says nothing, and is another one each time.
 */

struct word {
        uint64_t value;
        const char *name;
};

static const struct word kind_words[] = {
        { OBSERVE_OPEN, "open" },     { OBSERVE_CREATE, "create" }, { OBSERVE_RENAME, "rename" },
        { OBSERVE_REMOVE, "remove" }, { OBSERVE_CHANGE, "change" }, { OBSERVE_EXECUTE, "execute" },
        { OBSERVE_SOCKET, "socket" }, { OBSERVE_HOST, "host" },     { OBSERVE_SYSCALL, "syscall" },
};

/* Source: address_families(7), and linux/socket.h. */
static const struct word family_words[] = {
        { AF_UNIX, "AF_UNIX" },
        { AF_INET, "AF_INET" },
        { AF_INET6, "AF_INET6" },
        { AF_NETLINK, "AF_NETLINK" },
        { AF_PACKET, "AF_PACKET" },
        { AF_VSOCK, "AF_VSOCK" },
        { AF_ALG, "AF_ALG" },
        { AF_BLUETOOTH, "AF_BLUETOOTH" },
        { AF_CAN, "AF_CAN" },
        { AF_TIPC, "AF_TIPC" },
        { AF_RDS, "AF_RDS" },
        { AF_KEY, "AF_KEY" },
        { AF_XDP, "AF_XDP" },
        { AF_NFC, "AF_NFC" },
        { AF_SMC, "AF_SMC" },
        { AF_KCM, "AF_KCM" },
        { AF_QIPCRTR, "AF_QIPCRTR" },
        { AF_LLC, "AF_LLC" },
        { AF_AX25, "AF_AX25" },
        { AF_IPX, "AF_IPX" },
        { AF_APPLETALK, "AF_APPLETALK" },
        { AF_X25, "AF_X25" },
        { AF_PPPOX, "AF_PPPOX" },
        { AF_PHONET, "AF_PHONET" },
};

static const struct word type_words[] = {
        { SOCK_STREAM, "SOCK_STREAM" }, { SOCK_DGRAM, "SOCK_DGRAM" },
        { SOCK_RAW, "SOCK_RAW" },       { SOCK_SEQPACKET, "SOCK_SEQPACKET" },
        { SOCK_RDM, "SOCK_RDM" },
};

static const struct word clone_words[] = {
        { CLONE_NEWUSER, "CLONE_NEWUSER" },     { CLONE_NEWNS, "CLONE_NEWNS" },
        { CLONE_NEWPID, "CLONE_NEWPID" },       { CLONE_NEWNET, "CLONE_NEWNET" },
        { CLONE_NEWIPC, "CLONE_NEWIPC" },       { CLONE_NEWUTS, "CLONE_NEWUTS" },
        { CLONE_NEWCGROUP, "CLONE_NEWCGROUP" },
};

/* Which arguments of a call are numbers; all others are not shown. */
static const struct {
        int nr;
        unsigned arguments; /* bit n: argument n */
} numbers[] = {
        { __NR_ptrace, 1u << 0 },     { __NR_prctl, 1u << 0 },       { __NR_ioctl, 1u << 1 },
        { __NR_bpf, 1u << 0 },        { __NR_personality, 1u << 0 }, { __NR_keyctl, 1u << 0 },
        { __NR_setns, 1u << 1 },      { __NR_seccomp, 1u << 0 },     { __NR_fcntl, 1u << 1 },
        { __NR_reboot, 1u << 2 },     { __NR_syslog, 1u << 0 },      { __NR_mount, 1u << 3 },
        { __NR_umount2, 1u << 1 },    { __NR_kcmp, 1u << 2 },        { __NR_quotactl, 1u << 0 },
#ifdef __NR_arch_prctl
        { __NR_arch_prctl, 1u << 0 }, { __NR_iopl, 1u << 0 },        { __NR_ioperm, 7u },
#endif
};

static const char *find(const struct word *words, size_t n, uint64_t value)
{
        for (size_t i = 0; i < n; i++) {
                if (words[i].value == value)
                        return words[i].name;
        }
        return NULL;
}

#define FIND(words, value) find(words, sizeof(words) / sizeof((words)[0]), value)

const char *observe_kind_name(enum observe_kind kind)
{
        return FIND(kind_words, kind);
}

static void describe_socket(const struct seccomp_data *data, struct observe_event *ret)
{
        unsigned family = (unsigned)data->args[0];
        unsigned type = (unsigned)data->args[1] & 0xf;
        const char *family_name = FIND(family_words, family);
        const char *type_name = FIND(type_words, type);

        ret->kind = OBSERVE_SOCKET;
        if (family_name)
                snprintf(ret->name, sizeof(ret->name), "%s", family_name);
        else
                snprintf(ret->name, sizeof(ret->name), "address family %u", family);
        if (type_name)
                snprintf(ret->detail, sizeof(ret->detail), "%s, protocol %d", type_name,
                         (int)data->args[2]);
        else
                snprintf(ret->detail, sizeof(ret->detail), "type %u, protocol %d", type,
                         (int)data->args[2]);
}

static void describe_flags(uint64_t flags, struct observe_event *ret)
{
        size_t len = 0;

        for (size_t i = 0; i < sizeof(clone_words) / sizeof(clone_words[0]); i++) {
                if (flags & clone_words[i].value)
                        len += (size_t)snprintf(ret->detail + len, sizeof(ret->detail) - len,
                                                "%s%s", len > 0 ? "|" : "", clone_words[i].name);
        }
        if (len == 0)
                snprintf(ret->detail, sizeof(ret->detail), "%#llx", (unsigned long long)flags);
}

static void describe_numbers(const struct seccomp_data *data, struct observe_event *ret)
{
        unsigned shown = 0;
        size_t len = 0;

        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
                if (numbers[i].nr == data->nr)
                        shown = numbers[i].arguments;
        }
        for (unsigned i = 0; i < 6; i++) {
                if (shown & 1u << i)
                        len += (size_t)snprintf(ret->detail + len, sizeof(ret->detail) - len,
                                                "%s%#llx", len > 0 ? ", " : "",
                                                (unsigned long long)data->args[i]);
        }
}

void observe_name_call(int nr, struct observe_event *ret)
{
        const char *name = call_names_of(nr);

        ret->kind = OBSERVE_SYSCALL;
        if (name)
                snprintf(ret->name, sizeof(ret->name), "%s", name);
        else
                snprintf(ret->name, sizeof(ret->name), "system call %d", nr);
}

void observe_describe_call(const struct seccomp_data *data, struct observe_event *ret)
{
        if (data->nr == __NR_socket || data->nr == __NR_socketpair) {
                describe_socket(data, ret);
                return;
        }
        observe_name_call(data->nr, ret);
        if (data->nr == __NR_clone || data->nr == __NR_unshare)
                describe_flags(data->args[0], ret);
        else
                describe_numbers(data, ret);
}
