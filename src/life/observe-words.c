#include "observe-words.h"

#include "call-names.h"
#include "call-word.h"

#include <assert.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/*
 * Arguments are shown where they are numbers that the policy may have judged by.  An address in
 * memory says nothing, and is another one each time.
 */

static const char *const kind_names[] = {
        [OBSERVE_OPEN] = "open",     [OBSERVE_CREATE] = "create", [OBSERVE_RENAME] = "rename",
        [OBSERVE_REMOVE] = "remove", [OBSERVE_CHANGE] = "change", [OBSERVE_EXECUTE] = "execute",
        [OBSERVE_SOCKET] = "socket", [OBSERVE_HOST] = "host",     [OBSERVE_SYSCALL] = "syscall",
};
#define N_KINDS (sizeof(kind_names) / sizeof(kind_names[0]))
static_assert(N_KINDS == OBSERVE_SYSCALL + 1, "a name for every kind");

/* What new namespaces are asked for with; the other flags say nothing about a policy. */
static const uint64_t namespace_flags[] = { CLONE_NEWUSER,  CLONE_NEWNS,  CLONE_NEWPID,
                                            CLONE_NEWNET,   CLONE_NEWIPC, CLONE_NEWUTS,
                                            CLONE_NEWCGROUP };

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

const char *observe_kind_name(enum observe_kind kind)
{
        /* it came over a socket */
        return (size_t)kind < N_KINDS ? kind_names[kind] : "unknown";
}

static void describe_socket(const struct seccomp_data *data, struct observe_event *ret)
{
        unsigned family = (unsigned)data->args[0];
        unsigned type = (unsigned)data->args[1] & 0xf;
        const char *family_name = call_constant_name("socket", 0, family);
        const char *type_name = call_constant_name("socket", 1, type);

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

        for (size_t i = 0; i < sizeof(namespace_flags) / sizeof(namespace_flags[0]); i++) {
                uint32_t flag = (uint32_t)(flags & namespace_flags[i]);

                if (flag)
                        len += (size_t)snprintf(ret->detail + len, sizeof(ret->detail) - len,
                                                "%s%s", len > 0 ? "|" : "",
                                                call_constant_name("clone", 0, flag));
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
                snprintf(ret->name, sizeof(ret->name), "%d", nr);
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
