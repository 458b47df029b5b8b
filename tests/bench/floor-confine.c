/* The confinement of the floor: see floor.c. */

#include "floor.h"
#include "seccomp-filters.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <net/if.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

void loopback_up(void)
{
        struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
        int fd = (int)must("socket", socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));

        must("SIOCSIFFLAGS", ioctl(fd, SIOCSIFFLAGS, &lo));
        close(fd);
}

static void drop_bounding_set(void)
{
        for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
                must("PR_CAPBSET_DROP", prctl(PR_CAPBSET_DROP, cap));
        must("PR_CAP_AMBIENT", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
        must("PR_SET_SECUREBITS",
             prctl(PR_SET_SECUREBITS,
                   SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                           SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
                           SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED));
        must("PR_SET_NO_NEW_PRIVS", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14) /* newer than the headers of some systems */
#endif
#define READ_RIGHTS                                                                                \
        (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE_RIGHTS                                                                               \
        (READ_RIGHTS | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |             \
         LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |                            \
         LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |                              \
         LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER |   \
         LANDLOCK_ACCESS_FS_TRUNCATE)

static void allow_beneath(int ruleset, const char *path, unsigned long long rights)
{
        struct landlock_path_beneath_attr rule = {
                .allowed_access = rights,
                .parent_fd = (int)must(path, open(path, O_PATH | O_CLOEXEC)),
        };

        must("landlock_add_rule",
             syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0));
        close(rule.parent_fd);
}

/* Reading is allowed everywhere; so is writing in an image's root, of which nothing is kept. */
static void restrict_files(const struct floor_plan *p, const struct floor_state *state)
{
        struct landlock_ruleset_attr attr = {
                .handled_access_fs = READ_RIGHTS | WRITE_RIGHTS,
        };
        int ruleset;

        must("landlock",
             syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION));
        ruleset =
                (int)must("landlock", syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0));
        allow_beneath(ruleset, "/", p->lower ? WRITE_RIGHTS : READ_RIGHTS);
        allow_beneath(ruleset, state->workdir, WRITE_RIGHTS);
        allow_beneath(ruleset, "/tmp", WRITE_RIGHTS);
        if (!p->lower)
                allow_beneath(ruleset, "/var/tmp", WRITE_RIGHTS);
        allow_beneath(ruleset, "/dev", WRITE_RIGHTS);
        allow_beneath(ruleset, "/dev/mqueue", WRITE_RIGHTS);
        allow_beneath(ruleset, "/dev/shm", WRITE_RIGHTS);
        allow_beneath(ruleset, "/proc", WRITE_RIGHTS);
        must("landlock_restrict_self", syscall(SYS_landlock_restrict_self, ruleset, 0));
        close(ruleset);
}

/* kelp's own filter of the policy that this run stands for. */
static void restrict_calls(const struct floor_plan *p)
{
        const struct seccomp_filter *filter =
                seccomp_filter_find(p->lower ? "container" : "sandbox");
        struct sock_fprog program = {
                .len = filter->len,
                .filter = (struct sock_filter *)filter->insns,
        };

        must("seccomp", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

static void drop_capabilities(void)
{
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct none[2] = { 0 };

        must("capset", syscall(SYS_capset, &header, none));
}

void confine_init(const struct floor_state *state)
{
        must("setsid", setsid());
        must("sethostname", sethostname("kelp", 4));
        must("keyctl", syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL));
        must("max_user_namespaces", write(state->max_userns, "0", 1));
        close(state->max_userns);
        drop_bounding_set();
}

/* Pid 1 is left with what its loop needs: an answer for each of a dozen calls. */
static void restrict_init(void)
{
        static const int allowed[] = {
                SYS_ppoll,    SYS_wait4,   SYS_kill,         SYS_recvmsg,        SYS_sendmsg,
                SYS_ioctl,    SYS_getpgid, SYS_read,         SYS_write,          SYS_close,
                SYS_recvfrom, SYS_sendto,  SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_exit_group,
        };
        struct sock_filter code[2 * sizeof(allowed) / sizeof(allowed[0]) + 2];
        struct sock_fprog program = { .filter = code };

        code[program.len++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                                           offsetof(struct seccomp_data, nr));
        for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
                code[program.len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
                                                                   (unsigned)allowed[i], 0, 1);
                code[program.len++] =
                        (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        }
        code[program.len++] =
                (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
        must("seccomp", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

void confine_init_last(const struct floor_plan *p, int a, int b)
{
        must("close_range", (long)close_range(3, (unsigned)a - 1, 0));
        if (a + 1 < b)
                must("close_range", (long)close_range((unsigned)a + 1, (unsigned)b - 1, 0));
        must("close_range", (long)close_range((unsigned)b + 1, ~0u, 0));
        drop_capabilities();
        if (!p->no_filter)
                restrict_init();
}

void confine_payload(const struct floor_plan *p, const struct floor_state *state)
{
        uid_t uid = p->lower ? 0 : p->uid;
        gid_t gid = p->lower ? 0 : p->gid;
        struct rlimit no_core = { 0, 0 };

        must("setpgid", setpgid(0, 0));
        look_at_namespaces();
        restrict_files(p, state);
        umask(022);
        must("setrlimit", setrlimit(RLIMIT_CORE, &no_core));
        must("setresgid", setresgid(gid, gid, gid));
        must("setresuid", setresuid(uid, uid, uid));
        drop_capabilities();
        must("chdir", chdir(state->workdir));
        must("close_range", (long)close_range(3, ~0u, CLOSE_RANGE_CLOEXEC));
        if (!p->no_filter)
                restrict_calls(p);
}
