#include "ruleset.h"

#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FS_ALL_ABI_1 ((1ull << 13) - 1)
#define FS_IOCTL_DEV (1ull << 15) /* ABI 5 */
#define SCOPED_ALL   3ull         /* ABI 6: abstract sockets and signals */

#define RULE_PATH_BENEATH 1
#define CREATE_VERSION    1u

struct ruleset {
        uint64_t fs;
        uint64_t net;
        uint64_t scoped;
};

struct path_rule {
        uint64_t allowed;
        int32_t fd;
} __attribute__((packed));

long ruleset_abi(void)
{
        return syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);
}

int ruleset_make(uint64_t net, uint64_t *ret_fs, struct err *e)
{
        struct ruleset set = { .fs = FS_ALL_ABI_1 };
        size_t size = sizeof(set.fs);
        long abi = ruleset_abi();

        if (abi < 1)
                return err_set(e, EIO, "cannot ask which version of Landlock there is");
        if (abi >= 2)
                set.fs |= RULESET_REFER;
        if (abi >= 3)
                set.fs |= RULESET_TRUNCATE;
        if (abi >= 5)
                set.fs |= FS_IOCTL_DEV;
        if (abi >= 4) {
                set.net = net;
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

int ruleset_allow(int ruleset, int fd, uint64_t rights, struct err *e)
{
        struct path_rule rule = { .allowed = rights, .fd = fd };

        if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0) < 0)
                return err_sys(e, "cannot add a Landlock rule");
        return 0;
}

int ruleset_allow_reading(int ruleset, const char *const *paths, size_t n, struct err *e)
{
        for (size_t i = 0; i < n; i++) {
                autofd fd = open(paths[i], O_PATH | O_CLOEXEC);
                struct stat st;

                if (fd < 0)
                        continue;
                if (fstat(fd, &st) < 0)
                        return err_sys(e, "cannot stat '%s'", paths[i]);
                if (ruleset_allow(ruleset, fd,
                                  S_ISDIR(st.st_mode) ? RULESET_READ : RULESET_READ_FILE, e) < 0)
                        return -e->code;
        }
        return 0;
}

int ruleset_enter(int ruleset, struct err *e)
{
        if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
                return err_sys(e, "cannot enter the Landlock ruleset");
        return 0;
}
