/* Landlock, by its raw interface: Documentation/userspace-api/landlock.rst. */

#include "jail.h"

#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FS_WRITE_FILE  (1ull << 1)
#define FS_READ_FILE   (1ull << 2)
#define FS_READ_DIR    (1ull << 3)
#define FS_REMOVE_DIR  (1ull << 4)
#define FS_REMOVE_FILE (1ull << 5)
#define FS_MAKE_CHAR   (1ull << 6) /* whiteouts */
#define FS_MAKE_DIR    (1ull << 7)
#define FS_MAKE_REG    (1ull << 8)
#define FS_MAKE_FIFO   (1ull << 10)
#define FS_MAKE_SYM    (1ull << 12)
#define FS_REFER       (1ull << 13) /* ABI 2: hard links to another directory */
#define FS_TRUNCATE    (1ull << 14) /* ABI 3 */
#define FS_IOCTL_DEV   (1ull << 15) /* ABI 5 */
#define FS_ALL_ABI_2   ((1ull << 14) - 1)

#define NET_ALL    3ull /* ABI 4: bind and connect of TCP */
#define SCOPED_ALL 3ull /* ABI 6: abstract sockets and signals */

#define RULE_PATH_BENEATH 1
#define CREATE_VERSION    1u

#define READ_RIGHTS (FS_READ_FILE | FS_READ_DIR)
#define WRITE_RIGHTS                                                                               \
        (READ_RIGHTS | FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_CHAR |             \
         FS_MAKE_DIR | FS_MAKE_REG | FS_MAKE_FIFO | FS_MAKE_SYM | FS_REFER | FS_TRUNCATE)

struct ruleset {
        uint64_t fs;
        uint64_t net;
        uint64_t scoped;
};

struct path_rule {
        uint64_t allowed;
        int32_t fd;
} __attribute__((packed));

static int make_ruleset(long abi, uint64_t *ret_fs, struct err *e)
{
        struct ruleset set = { .fs = FS_ALL_ABI_2 };
        size_t size = sizeof(set.fs);

        if (abi >= 3)
                set.fs |= FS_TRUNCATE;
        if (abi >= 5)
                set.fs |= FS_IOCTL_DEV;
        if (abi >= 4) {
                set.net = NET_ALL;
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

int jail_restrict_files(const struct jail_spec *spec, struct err *e)
{
        long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);
        uint64_t handled = 0;

        if (abi < 2)
                return err_set(e, EOPNOTSUPP,
                               "cannot confine the reader of the archive: this "
                               "kernel has no Landlock (ABI 2)");
        int ruleset = make_ruleset(abi, &handled, e);
        if (ruleset < 0)
                return -e->code;
        int r = spec->writable < 0 ? 0 : allow(ruleset, spec->writable, WRITE_RIGHTS & handled, e);
        for (size_t i = 0; r == 0 && i < spec->n_readable; i++)
                r = allow(ruleset, spec->readable[i], READ_RIGHTS, e);
        if (r == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
                r = err_sys(e, "cannot enter the Landlock ruleset");
        close(ruleset);
        return r;
}
