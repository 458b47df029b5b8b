/* The root of the floor: see floor.c. */

#include "floor.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ATTR_SAFE (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define ATTR_NONE (ATTR_SAFE | MOUNT_ATTR_NOEXEC)

static const char *const devices[] = { "null", "zero", "full", "random", "urandom", "tty" };

static const char *const links[][2] = {
        { "/proc/self/fd", "dev/fd" },       { "/proc/self/fd/0", "dev/stdin" },
        { "/proc/self/fd/1", "dev/stdout" }, { "/proc/self/fd/2", "dev/stderr" },
        { "pts/ptmx", "dev/ptmx" },
};

static const char *const masked[] = {
        "proc/kcore",
        "proc/keys",
        "proc/key-users",
        "proc/timer_list",
        "proc/kallsyms",
        "proc/kmsg",
        "proc/interrupts",
        "proc/acpi",
        "proc/scsi",
        "sys/firmware",
        "sys/devices/virtual/powercap",
        "proc/sched_debug",
        "proc/timer_stats",
        "proc/latency_stats",
        "proc/asound",
};

static const char *const read_only[] = {
        "proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger",
};

/* What a view of the host has instead of the host's own. */
static const char *const empty[] = { "home", "root", "run", "tmp", "mnt", "media" };
static const char *const own[] = { "proc", "sys", "dev" };

static void set_option(int fs, const char *key, const char *value)
{
        must(key, fsconfig(fs, FSCONFIG_SET_STRING, key, value, 0));
}

static int make_mount(int fs, unsigned attributes)
{
        must("fsconfig", fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
        int mnt = (int)must("fsmount", fsmount(fs, FSMOUNT_CLOEXEC, attributes));
        close(fs);
        return mnt;
}

static int open_fs(const char *type)
{
        return (int)must(type, fsopen(type, FSOPEN_CLOEXEC));
}

static int new_tmpfs(const char *mode, unsigned attributes)
{
        int fs = open_fs("tmpfs");

        set_option(fs, "mode", mode);
        return make_mount(fs, attributes);
}

/* Puts the mount at `path` below `dir` and closes it. */
static void attach(int mnt, int dir, const char *path)
{
        int at = (int)must(path, openat(dir, path, O_PATH | O_CLOEXEC | O_NOFOLLOW));

        must("move_mount",
             move_mount(mnt, "", at, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
        close(at);
        close(mnt);
}

static int copy_tree(int dir, const char *path, unsigned flags, unsigned attributes)
{
        struct mount_attr attr = { .attr_set = attributes };
        unsigned at = AT_EMPTY_PATH | (flags & AT_RECURSIVE);
        int mnt =
                (int)must(path, open_tree(dir, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags));

        must("mount_setattr", mount_setattr(mnt, "", at, &attr, sizeof(attr)));
        return mnt;
}

static void make_file(int dir, const char *path)
{
        close((int)must(path, openat(dir, path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0444)));
}

static int is_in(const char *const *names, size_t n, const char *name)
{
        for (size_t i = 0; i < n; i++)
                if (!strcmp(names[i], name))
                        return 1;
        return 0;
}

#define IS_IN(names, name) is_in(names, sizeof(names) / sizeof(names[0]), name)

/* Each directory of the host's root is bound, each symlink made again. */
static void build_host_view(int root)
{
        int fd = (int)must("/", open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        DIR *dir = fdopendir(fd);
        char target[PATH_MAX];

        for (struct dirent *d = readdir(dir); d; d = readdir(dir)) {
                if (IS_IN(own, d->d_name) || IS_IN(empty, d->d_name) || d->d_name[0] == '.')
                        continue;
                if (d->d_type == DT_LNK) {
                        ssize_t n = must(d->d_name, readlinkat(fd, d->d_name, target, PATH_MAX));
                        target[n] = '\0';
                        must(d->d_name, symlinkat(target, root, d->d_name));
                } else if (d->d_type == DT_DIR) {
                        must(d->d_name, mkdirat(root, d->d_name, 0755));
                        attach(copy_tree(fd, d->d_name, AT_RECURSIVE,
                                         ATTR_SAFE | MOUNT_ATTR_RDONLY),
                               root, d->d_name);
                }
        }
        closedir(dir);
        for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++)
                must(empty[i], mkdirat(root, empty[i], 0755));
        for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
                must(own[i], mkdirat(root, own[i], 0755));
        attach(new_tmpfs("1777", ATTR_SAFE), root, "var/tmp");
}

/*
 * The current directory stays where it is, and writable.  A descriptor of the launcher's belongs to
 * its mount namespace and cannot be copied in this one: the directory is opened again.
 */
static void bind_cwd(int root, int cwd, char path[static PATH_MAX])
{
        struct stat before;
        struct stat now;
        char proc[64];

        snprintf(proc, sizeof(proc), "/proc/self/fd/%d", cwd);
        ssize_t n = must(proc, readlink(proc, path, PATH_MAX - 1));
        path[n] = '\0';
        for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                mkdirat(root, path + 1, 0755); /* the first of them is there */
                *slash = '/';
        }
        must(path, mkdirat(root, path + 1, 0755));
        int mnt = copy_tree(AT_FDCWD, path, AT_RECURSIVE, ATTR_SAFE);
        must(path, fstat(cwd, &before));
        must(path, fstat(mnt, &now));
        must(path, before.st_dev == now.st_dev && before.st_ino == now.st_ino ? 0 : -1);
        attach(mnt, root, path + 1);
}

static int new_overlay(const char *lower)
{
        int scratch = new_tmpfs("0700", ATTR_SAFE);
        int fs = open_fs("overlay");
        char upper[64];
        char work[64];

        must("upper", mkdirat(scratch, "upper", 0755));
        must("work", mkdirat(scratch, "work", 0700));
        snprintf(upper, sizeof(upper), "/proc/self/fd/%d/upper", scratch);
        snprintf(work, sizeof(work), "/proc/self/fd/%d/work", scratch);
        set_option(fs, "lowerdir", lower);
        set_option(fs, "upperdir", upper);
        set_option(fs, "workdir", work);
        must("userxattr", fsconfig(fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0));
        return make_mount(fs, ATTR_SAFE);
}

static void build_dev(int root, int old_root)
{
        int dev = new_tmpfs("0755", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
        int fs;
        char path[64];

        attach(dev, root, "dev");
        for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
                snprintf(path, sizeof(path), "dev/%s", devices[i]);
                make_file(root, path);
                attach(copy_tree(old_root, path, 0, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC), root,
                       path);
        }
        for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
                must(links[i][1], symlinkat(links[i][0], root, links[i][1]));

        must("pts", mkdirat(root, "dev/pts", 0755));
        fs = open_fs("devpts");
        set_option(fs, "ptmxmode", "0666");
        set_option(fs, "mode", "0620");
        must("newinstance", fsconfig(fs, FSCONFIG_SET_FLAG, "newinstance", NULL, 0));
        attach(make_mount(fs, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC), root, "dev/pts");

        must("shm", mkdirat(root, "dev/shm", 0755));
        attach(new_tmpfs("1777", ATTR_NONE), root, "dev/shm");
        must("mqueue", mkdirat(root, "dev/mqueue", 0755));
        attach(make_mount(open_fs("mqueue"), ATTR_NONE), root, "dev/mqueue");
}

static void cover(int root)
{
        int nothing = new_tmpfs("0755", ATTR_NONE | MOUNT_ATTR_RDONLY);

        for (size_t i = 0; i < sizeof(masked) / sizeof(masked[0]); i++) {
                struct stat st;

                if (fstatat(root, masked[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
                        continue;
                attach(S_ISDIR(st.st_mode) ? copy_tree(nothing, "", AT_EMPTY_PATH, 0)
                                           : copy_tree(root, "dev/null", 0, ATTR_NONE),
                       root, masked[i]);
        }
        close(nothing);
        for (size_t i = 0; i < sizeof(read_only) / sizeof(read_only[0]); i++)
                if (faccessat(root, read_only[i], F_OK, 0) == 0)
                        attach(copy_tree(root, read_only[i], AT_RECURSIVE,
                                         ATTR_NONE | MOUNT_ATTR_RDONLY),
                               root, read_only[i]);
}

/* Both roots: kernel file systems, devices, masks. */
static void build_common(int root, int old_root)
{
        attach(make_mount(open_fs("proc"), ATTR_NONE), root, "proc");
        attach(make_mount(open_fs("sysfs"), ATTR_NONE | MOUNT_ATTR_RDONLY), root, "sys");
        build_dev(root, old_root);
        attach(new_tmpfs("1777", ATTR_SAFE), root, "tmp");
}

void root_build(const struct floor_plan *p, int cwd)
{
        char workdir[PATH_MAX] = "/";
        int root;

        must("private", mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
        int old_root = (int)must("/", open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));

        root = p->lower ? new_overlay(p->lower) : new_tmpfs("0755", ATTR_SAFE);
        must("move_mount", move_mount(root, "", AT_FDCWD, "/tmp", MOVE_MOUNT_F_EMPTY_PATH));
        if (!p->lower)
                build_host_view(root);
        build_common(root, old_root);
        if (!p->lower)
                bind_cwd(root, cwd, workdir);
        cover(root);
        close(old_root);

        must("fchdir", fchdir(root));
        must("pivot_root", syscall(SYS_pivot_root, ".", "."));
        must("umount2", umount2(".", MNT_DETACH));
        must("chdir", chdir(workdir));
        if (!p->lower) {
                struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
                must("mount_setattr", mount_setattr(root, "", AT_EMPTY_PATH, &attr, sizeof(attr)));
        }
        close(root);
}
