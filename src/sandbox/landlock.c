#include "landlock.h"

#include "fd.h"
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of newer headers than the oldest that we build with. */
enum {
        ACCESS_EXECUTE = 1 << 0,
        ACCESS_WRITE_FILE = 1 << 1,
        ACCESS_READ_FILE = 1 << 2,
        ACCESS_READ_DIR = 1 << 3,
        ACCESS_MAKE_CHAR = 1 << 6,
        ACCESS_MAKE_BLOCK = 1 << 11,
        ACCESS_TRUNCATE = 1 << 14,
        ACCESS_IOCTL_DEV = 1 << 15,
};

#define ACCESS_READ (ACCESS_EXECUTE | ACCESS_READ_FILE | ACCESS_READ_DIR)
#define ACCESS_FILE                                                                                \
        (ACCESS_EXECUTE | ACCESS_READ_FILE | ACCESS_WRITE_FILE | ACCESS_TRUNCATE | ACCESS_IOCTL_DEV)
#define ACCESS_WRITE                                                                               \
        (0xffffu & ~(unsigned)(ACCESS_MAKE_CHAR | ACCESS_MAKE_BLOCK | ACCESS_IOCTL_DEV))

#define ACCESS_NODE (ACCESS_READ_FILE | ACCESS_WRITE_FILE | ACCESS_IOCTL_DEV)

#define SCOPE_ABSTRACT_UNIX 1
#define SCOPE_SIGNAL        2

#define RULE_PATH_BENEATH 1

struct ruleset_attr {
        uint64_t access_fs;
        uint64_t access_net;
        uint64_t scoped;
};

struct path_beneath_attr {
        uint64_t access;
        int32_t fd;
} __attribute__((packed));

struct ruleset {
        int fd;
        uint64_t access; /* what it handles */
};

static long ask_abi(void)
{
        return syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
}

/*
 * *ret is the ABI of this kernel, 0 without one: it was not built in (ENOSYS), is switched off
 * (EOPNOTSUPP), or the filter of an outer container hides it (EPERM).  Any other failure says
 * nothing about that.  A wall is not left out because of one answer: a kernel without it says so
 * every time.
 */
static int find_abi(int *ret, struct err *e)
{
        long abi = ask_abi();

        if (abi < 0)
                abi = ask_abi();
        *ret = abi < 0 ? 0 : (int)abi;
        if (abi >= 0 || errno == ENOSYS || errno == EOPNOTSUPP || errno == EPERM)
                return 0;
        return err_sys(e, "cannot ask for Landlock");
}

static uint64_t handled_access(int abi)
{
        static const uint64_t by_abi[] = { 0, 0x1fff, 0x3fff, 0x7fff, 0x7fff, 0xffff };
        size_t last = sizeof(by_abi) / sizeof(by_abi[0]) - 1;

        return by_abi[(size_t)abi < last ? (size_t)abi : last];
}

static int add_fd(const struct ruleset *r, int fd, uint64_t access, const char *name, struct err *e)
{
        struct path_beneath_attr rule = { .access = access & r->access, .fd = fd };
        struct stat st;

        if (fstat(fd, &st) < 0)
                return err_sys(e, "cannot stat '%s'", name);
        if (!S_ISDIR(st.st_mode))
                rule.access &= ACCESS_FILE;
        if (rule.access == 0)
                return 0;
        if (syscall(SYS_landlock_add_rule, r->fd, RULE_PATH_BENEATH, &rule, 0) < 0)
                return err_sys(e, "cannot add a Landlock rule for '%s'", name);
        return 0;
}

static int add_path(const struct ruleset *r, const char *path, uint64_t access, struct err *e)
{
        autofd fd = open(path, O_PATH | O_CLOEXEC);

        if (fd < 0)
                return err_sys(e, "cannot open '%s' for its Landlock rule", path);
        return add_fd(r, fd, access, path, e);
}

/* What an entry gives beyond reading, which the root gives already; 0: nothing. */
static uint64_t access_of(const struct tree_entry *entry)
{
        bool is_read_only = (entry->flags & TREE_READ_ONLY) != 0;

        switch (entry->kind) {
        case TREE_BIND:
                if (entry->flags & TREE_IS_SPECIAL)
                        return path_is_in(entry->box_path, "/dev") ? 0 : ACCESS_NODE;
                return is_read_only ? 0 : ACCESS_WRITE;
        case TREE_TMPFS:
        case TREE_OVERLAY:
                return is_read_only ? 0 : ACCESS_WRITE;
        case TREE_MQUEUE:
                return ACCESS_WRITE;
        case TREE_PROC:
                return ACCESS_WRITE_FILE | ACCESS_TRUNCATE;
        case TREE_DEVPTS:
        case TREE_DIR:
        case TREE_SYMLINK:
        case TREE_FILE:
        case TREE_PIN:
        case TREE_EMPTY:
        case TREE_SYSFS:
                return 0;
        }
        return 0;
}

static int add_tree(const struct ruleset *r, const struct plan *p, const struct tree *t,
                    struct err *e)
{
        /* one rule for all nodes: what else is in /dev has its own */
        if (add_path(r, "/", ACCESS_READ, e) < 0 || add_path(r, "/dev", ACCESS_NODE, e) < 0)
                return -e->code;
        for (size_t i = 0; i < t->n_entries; i++) {
                const struct tree_entry *entry = &t->entries[i];
                uint64_t access = access_of(entry);

                if (entry->kind == TREE_OVERLAY && p->files.is_read_only)
                        continue;
                if (access != 0 && add_path(r, entry->box_path, access, e) < 0)
                        return -e->code;
        }
        return 0;
}

/*
 * Files that come in by descriptor lie outside the new root.  They stay what they were opened for,
 * also by way of /dev/stdout.
 */
static int add_open_file(const struct ruleset *r, int fd, struct err *e)
{
        uint64_t access = 0;
        struct stat st;
        int mode = fcntl(fd, F_GETFL);

        if (mode < 0 || fstat(fd, &st) < 0)
                return err_sys(e, "cannot judge descriptor %d", fd);
        if (S_ISDIR(st.st_mode))
                return add_fd(r, fd, ACCESS_WRITE, "a kept directory", e);
        if (!S_ISREG(st.st_mode))
                return 0;
        if ((mode & O_ACCMODE) != O_WRONLY)
                access |= ACCESS_READ_FILE;
        if ((mode & O_ACCMODE) != O_RDONLY)
                access |= ACCESS_WRITE_FILE | (mode & O_APPEND ? 0 : ACCESS_TRUNCATE);
        return add_fd(r, fd, access, "an inherited file", e);
}

static int add_open_files(const struct ruleset *r, const struct plan *p, struct err *e)
{
        for (int fd = 0; fd <= 2; fd++) {
                if (add_open_file(r, fd, e) < 0)
                        return -e->code;
        }
        for (size_t i = 0; i < p->report.n_keep_fds; i++) {
                if (add_open_file(r, p->report.keep_fds[i], e) < 0)
                        return -e->code;
        }
        return 0;
}

static struct ruleset_attr choose_attr(const struct plan *p, int abi)
{
        struct ruleset_attr attr = { 0 };

        if (!p->confine.may_nest_userns)
                attr.access_fs = handled_access(abi);
        if (abi >= 6)
                attr.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
        return attr;
}

static int create_ruleset(const struct ruleset_attr *attr, int abi, struct err *e)
{
        /* each ABI knows the struct up to its own members */
        size_t size = abi >= 6 ? sizeof(*attr) : abi >= 4 ? 16 : 8;
        int fd = (int)syscall(SYS_landlock_create_ruleset, attr, size, 0);

        if (fd < 0)
                return err_sys(e, "cannot create a Landlock ruleset");
        return fd;
}

/* *ret_abi is 0 where there is nothing to enter. */
static int find_attr(const struct plan *p, struct ruleset_attr *ret, int *ret_abi, struct err *e)
{
        if (find_abi(ret_abi, e) < 0)
                return -e->code;
        *ret = choose_attr(p, *ret_abi);
        if (ret->access_fs == 0 && ret->scoped == 0)
                *ret_abi = 0;
        return 0;
}

static int restrict_self(int rules, struct err *e)
{
        if (syscall(SYS_landlock_restrict_self, rules, 0) < 0)
                return err_sys(e, "cannot enter the Landlock ruleset");
        return 0;
}

int landlock_enter(const struct plan *p, const struct tree *t, int *ret_rules, struct err *e)
{
        struct ruleset_attr attr;
        int abi;

        *ret_rules = -1;
        if (find_attr(p, &attr, &abi, e) < 0)
                return -e->code;
        if (abi == 0)
                return 0;
        autofd fd = create_ruleset(&attr, abi, e);
        if (fd < 0)
                return -e->code;
        const struct ruleset r = { .fd = fd, .access = attr.access_fs };
        if (r.access != 0 && (add_tree(&r, p, t, e) < 0 || add_open_files(&r, p, e) < 0))
                return -e->code;
        if (restrict_self(fd, e) < 0)
                return -e->code;
        *ret_rules = fd_take(&fd);
        return 0;
}

int landlock_has_rules(const struct plan *p, bool *ret, struct err *e)
{
        struct ruleset_attr attr;
        int abi;

        if (find_attr(p, &attr, &abi, e) < 0)
                return -e->code;
        *ret = abi != 0;
        return 0;
}

int landlock_join(const struct plan *p, int rules, struct err *e)
{
        struct ruleset_attr attr;
        int abi;

        if (find_attr(p, &attr, &abi, e) < 0)
                return -e->code;
        if (abi == 0)
                return 0;
        if (rules < 0)
                return err_set(e, EPERM, "the sandbox has no Landlock rules to enter");
        const struct ruleset r = { .fd = rules, .access = attr.access_fs };
        if (r.access != 0 && add_open_files(&r, p, e) < 0)
                return -e->code;
        return restrict_self(rules, e);
}
