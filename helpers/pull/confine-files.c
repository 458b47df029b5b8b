/* Landlock, by its raw interface: Documentation/userspace-api/landlock.rst. */

#include "confine.h"

#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FS_WRITE_FILE  (1ull << 1)
#define FS_READ_FILE   (1ull << 2)
#define FS_READ_DIR    (1ull << 3)
#define FS_REMOVE_FILE (1ull << 5)
#define FS_MAKE_REG    (1ull << 8)
#define FS_ALL_ABI_1   ((1ull << 13) - 1)
#define FS_REFER       (1ull << 13) /* ABI 2 */
#define FS_TRUNCATE    (1ull << 14) /* ABI 3 */
#define FS_IOCTL_DEV   (1ull << 15) /* ABI 5 */

#define NET_BIND_TCP 1ull /* ABI 4; to connect is what this process is for */
#define SCOPED_ALL   3ull /* ABI 6: abstract sockets and signals */

#define RULE_PATH_BENEATH 1
#define CREATE_VERSION    1u

#define READ_RIGHTS  (FS_READ_FILE | FS_READ_DIR)
#define WRITE_RIGHTS (READ_RIGHTS | FS_WRITE_FILE | FS_REMOVE_FILE | FS_MAKE_REG | FS_TRUNCATE)

struct ruleset {
        uint64_t fs;
        uint64_t net;
        uint64_t scoped;
};

struct path_rule {
        uint64_t allowed;
        int32_t fd;
} __attribute__((packed));

/*
 * What the C library's resolver, libcurl and OpenSSL read when they need it: their configuration
 * (often a symlink to somewhere below /run), name service modules, and the list of CAs.
 */
static const char *const system_files[] = {
        "/etc/resolv.conf",
        "/etc/hosts",
        "/etc/host.conf",
        "/etc/nsswitch.conf",
        "/etc/gai.conf",
        "/etc/services",
        "/etc/protocols",
        "/etc/ld.so.cache",
        "/etc/localtime",
        "/etc/ssl",
        "/etc/pki",
        "/etc/ca-certificates",
        "/etc/crypto-policies",
        "/usr/share/ca-certificates",
        "/usr/local/share/ca-certificates",
        "/usr/share/zoneinfo",
        "/usr/share/pki",
        "/run/systemd/resolve",
        "/run/resolvconf",
        "/run/NetworkManager",
        "/run/connman",
        "/lib",
        "/lib64",
        "/usr/lib",
        "/usr/lib64",
        "/usr/local/lib",
        "/nix/store",
        "/gnu/store",
        "/dev/urandom",
        "/dev/null",
        "/proc/sys/crypto",
        "/proc/sys/kernel/random",
        "/sys/devices/system/cpu",
};

static int make_ruleset(long abi, uint64_t *ret_fs, struct err *e)
{
        struct ruleset set = { .fs = FS_ALL_ABI_1 };
        size_t size = sizeof(set.fs);

        if (abi >= 2)
                set.fs |= FS_REFER;
        if (abi >= 3)
                set.fs |= FS_TRUNCATE;
        if (abi >= 5)
                set.fs |= FS_IOCTL_DEV;
        if (abi >= 4) {
                set.net = NET_BIND_TCP;
                size += sizeof(set.net);
        }
        if (abi >= 6) {
                set.scoped = SCOPED_ALL;
                size += sizeof(set.scoped);
        }
        int fd = (int)syscall(SYS_landlock_create_ruleset, &set, size, 0);
        if (fd < 0)
                return err_sys(e, "cannot make a Landlock ruleset");
        *ret_fs = set.fs;
        return fd;
}

static int allow(int ruleset, int fd, uint64_t rights, struct err *e)
{
        struct path_rule rule = { .allowed = rights, .fd = fd };

        if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0) < 0)
                return err_sys(e, "cannot add a Landlock rule");
        return 0;
}

/* What is not there on this system needs no rule. */
static int allow_system_files(int ruleset, struct err *e)
{
        for (size_t i = 0; i < sizeof(system_files) / sizeof(system_files[0]); i++) {
                autofd fd = open(system_files[i], O_PATH | O_CLOEXEC);
                struct stat st;

                if (fd < 0)
                        continue;
                if (fstat(fd, &st) < 0)
                        return err_sys(e, "cannot stat '%s'", system_files[i]);
                if (allow(ruleset, fd, S_ISDIR(st.st_mode) ? READ_RIGHTS : FS_READ_FILE, e) < 0)
                        return -e->code;
        }
        return 0;
}

int confine_files(const struct confine_spec *spec, struct err *e)
{
        long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);
        uint64_t handled = 0;

        if (abi < 1)
                return -EOPNOTSUPP;
        autofd ruleset = make_ruleset(abi, &handled, e);
        if (ruleset < 0 || allow(ruleset, spec->writable, WRITE_RIGHTS & handled, e) < 0 ||
            allow(ruleset, spec->readable, READ_RIGHTS, e) < 0 ||
            allow_system_files(ruleset, e) < 0)
                return -e->code;
        if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
                return err_sys(e, "cannot enter the Landlock ruleset");
        return 0;
}
