#include "newmount.h"

#include "fd.h"
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint64_t attributes(unsigned flags)
{
        uint64_t attr = 0;

        if (flags & TREE_READ_ONLY)
                attr |= MOUNT_ATTR_RDONLY;
        if (flags & TREE_NO_SUID)
                attr |= MOUNT_ATTR_NOSUID;
        if (flags & TREE_NO_DEV)
                attr |= MOUNT_ATTR_NODEV;
        if (flags & TREE_NO_EXEC)
                attr |= MOUNT_ATTR_NOEXEC;
        return attr;
}

/* The file system's own words, "e text", say more than the error number. */
static int context_error(int context, struct err *e, const char *doing, const char *type)
{
        int saved = errno;
        char text[256];
        ssize_t n = read(context, text, sizeof(text) - 1);

        errno = saved;
        if (n <= 2)
                return err_sys(e, "cannot %s '%s'", doing, type);
        text[n] = '\0';
        text[strcspn(text, "\n")] = '\0';
        return err_set(e, saved, "cannot %s '%s': %s: %s", doing, type, err_name(saved), text + 2);
}

int newmount_fs_with(const char *type, const struct newmount_option *options, size_t n,
                     uint64_t attr, struct err *e)
{
        autofd context = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);

        if (context < 0)
                return err_sys(e, "cannot open the file system '%s'", type);
        for (size_t i = 0; i < n; i++) {
                unsigned command = options[i].value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;

                if (syscall(SYS_fsconfig, context, command, options[i].key, options[i].value, 0) <
                    0)
                        return context_error(context, e, "configure", type);
        }
        if (syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                return context_error(context, e, "create", type);
        int mount = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, (unsigned)attr);
        if (mount < 0)
                return context_error(context, e, "mount", type);
        return mount;
}

int newmount_fs(const char *type, const struct newmount_option *options, size_t n, unsigned flags,
                struct err *e)
{
        /*
         * Read-only comes last, when everything is in it; but for sysfs, which nothing is put into,
         * and which is refused otherwise where an outer container has its own read-only.
         */
        if (strcmp(type, "sysfs") != 0)
                flags &= ~(unsigned)TREE_READ_ONLY;
        return newmount_fs_with(type, options, n, attributes(flags), e);
}

/* What is reached by descriptor is named by the caller, which knows it. */
static int name_error(struct err *e, const char *what, const char *path)
{
        return *path ? err_sys(e, "%s '%s'", what, path) : err_sys(e, "%s", what);
}

int newmount_clone(int dirfd, const char *path, unsigned flags, struct err *e)
{
        unsigned how = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW;

        if (*path == '\0')
                how |= AT_EMPTY_PATH;
        if (flags & TREE_RECURSIVE)
                how |= AT_RECURSIVE;
        int mount = (int)syscall(SYS_open_tree, dirfd, path, how);
        if (mount < 0)
                return name_error(e, "cannot take a copy of the mount", path);
        return mount;
}

int newmount_set(int dirfd, const char *path, unsigned flags, struct err *e)
{
        struct mount_attr attr = { .attr_set = attributes(flags) };
        unsigned how = AT_SYMLINK_NOFOLLOW;

        if (*path == '\0')
                how |= AT_EMPTY_PATH;
        if (flags & TREE_RECURSIVE)
                how |= AT_RECURSIVE;
        if (syscall(SYS_mount_setattr, dirfd, path, how, &attr, sizeof(attr)) < 0)
                return name_error(e, "cannot set the attributes of the mount", path);
        return 0;
}

int newmount_change(int mount, const struct mount_attr *attr, bool is_recursive, struct err *e)
{
        unsigned how = AT_EMPTY_PATH | (is_recursive ? AT_RECURSIVE : 0);

        if (syscall(SYS_mount_setattr, mount, "", how, attr, sizeof(*attr)) < 0)
                return err_sys(e, "cannot change the attributes of the mount");
        return 0;
}

int newmount_attach(int mount, int target, const char *path, struct err *e)
{
        unsigned how = MOVE_MOUNT_F_EMPTY_PATH;

        if (*path == '\0')
                how |= MOVE_MOUNT_T_EMPTY_PATH;
        if (syscall(SYS_move_mount, mount, "", target, path, how) < 0)
                return name_error(e, "cannot attach the mount", path);
        return 0;
}

int newmount_get_id(int fd, uint64_t *ret, struct err *e)
{
        struct statx stx;

        if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) < 0)
                return err_sys(e, "cannot stat a mount of the new root");
        if (!(stx.stx_mask & STATX_MNT_ID))
                return err_set(e, ENOSYS, "the kernel does not tell which mount a file is on");
        *ret = stx.stx_mnt_id;
        return 0;
}
