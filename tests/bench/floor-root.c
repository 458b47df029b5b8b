/* The root of the floor: see floor.c. */

#include "floor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define ATTR_SAFE (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define ATTR_NONE (ATTR_SAFE | MOUNT_ATTR_NOEXEC)

static const char *const devices[] = {
        "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty",
};

static const char *const links[][2] = {
        { "/proc/self/fd", "dev/fd" },       { "/proc/self/fd/0", "dev/stdin" },
        { "/proc/self/fd/1", "dev/stdout" }, { "/proc/self/fd/2", "dev/stderr" },
        { "pts/ptmx", "dev/ptmx" },
};

static const char *const proc_covered[] = {
        "proc/acpi",       "proc/asound",        "proc/interrupts",  "proc/kcore",
        "proc/keys",       "proc/latency_stats", "proc/sched_debug", "proc/scsi",
        "proc/timer_list", "proc/timer_stats",
};

static const char *const sys_covered[] = { "sys/devices/virtual/powercap", "sys/firmware" };

static const char *const read_only[] = {
        "proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger",
};

/* What a view of the host has instead of the host's own. */
static const char *const empty[] = { "home", "root", "run", "tmp", "mnt", "media" };
static const char *const own[] = { "proc", "sys", "dev" };
static const char *const left_out[] = { ".", "..", "lost+found" };

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

/* Opens a place in a tree that somebody else shapes; -1 when there is none. */
static int open_place(int root, const char *path)
{
        struct open_how how = {
                .flags = O_PATH | O_CLOEXEC,
                .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
        };
        int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));

        if (fd < 0 && errno != ENOENT)
                must(path, -1);
        return fd;
}

/* Puts the mount at `path` of a tmpfs of ours and closes it. */
static void attach(int mnt, int dir, const char *path)
{
        must("move_mount", move_mount(mnt, "", dir, path, MOVE_MOUNT_F_EMPTY_PATH));
        close(mnt);
}

/* Puts the mount on an opened place and closes both. */
static void attach_at(int mnt, int at)
{
        must("move_mount",
             move_mount(mnt, "", at, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
        close(at);
        close(mnt);
}

static void set_attributes(int mnt, unsigned recursive, unsigned attributes)
{
        struct mount_attr attr = { .attr_set = attributes };

        must("mount_setattr",
             mount_setattr(mnt, "", AT_EMPTY_PATH | recursive, &attr, sizeof(attr)));
}

static int copy_mount(int dir, const char *path, unsigned flags, unsigned attributes)
{
        unsigned how = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW | flags;
        int mnt = (int)must(path, open_tree(dir, path, how));

        set_attributes(mnt, flags & AT_RECURSIVE, attributes);
        return mnt;
}

static int is_in(const char *const *names, size_t n, const char *name)
{
        for (size_t i = 0; i < n; i++)
                if (!strcmp(names[i], name))
                        return 1;
        return 0;
}

#define IS_IN(names, name) is_in(names, COUNT(names), name)

/* A writable place in the root's own tmpfs, where it is not seen itself. */
static int new_room(int root, const char *path, mode_t mode)
{
        must(path, mkdirat(root, path, mode));
        return copy_mount(root, path, 0, ATTR_SAFE);
}

/* Each directory of the host's root is bound, each symlink made again. */
static void build_host_view(int root)
{
        int fd = (int)must("/", open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        DIR *dir = fdopendir(fd);
        char target[PATH_MAX];

        for (struct dirent *d = readdir(dir); d; d = readdir(dir)) {
                if (IS_IN(own, d->d_name) || IS_IN(empty, d->d_name) || IS_IN(left_out, d->d_name))
                        continue;
                if (d->d_type == DT_LNK) {
                        ssize_t n = must(d->d_name, readlinkat(fd, d->d_name, target, PATH_MAX));
                        target[n] = '\0';
                        must(d->d_name, symlinkat(target, root, d->d_name));
                } else if (d->d_type == DT_DIR) {
                        must(d->d_name, mkdirat(root, d->d_name, 0755));
                        attach(copy_mount(fd, d->d_name, AT_RECURSIVE,
                                          ATTR_SAFE | MOUNT_ATTR_RDONLY),
                               root, d->d_name);
                }
        }
        closedir(dir);
        for (size_t i = 0; i < COUNT(empty); i++)
                must(empty[i], mkdirat(root, empty[i], 0755));
        for (size_t i = 0; i < COUNT(own); i++)
                must(own[i], mkdirat(root, own[i], 0755));
        attach(new_room(root, "proc/0", 01777), root, "tmp");
        attach_at(new_room(root, "proc/1", 01777), open_place(root, "var/tmp"));
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
        int mnt = copy_mount(AT_FDCWD, path, AT_RECURSIVE, ATTR_SAFE);
        must(path, fstat(cwd, &before));
        must(path, fstat(mnt, &now));
        must(path, before.st_dev == now.st_dev && before.st_ino == now.st_ino ? 0 : -1);
        attach(mnt, root, path + 1);
}

static int new_overlay(int stage, const char *lower)
{
        int fs = open_fs("overlay");
        char upper[64];
        char work[64];

        must("upper", mkdirat(stage, "upper", 0755));
        must("work", mkdirat(stage, "work", 0755));
        snprintf(upper, sizeof(upper), "/proc/self/fd/%d/upper", stage);
        snprintf(work, sizeof(work), "/proc/self/fd/%d/work", stage);
        set_option(fs, "lowerdir", lower);
        set_option(fs, "upperdir", upper);
        set_option(fs, "workdir", work);
        must("userxattr", fsconfig(fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0));
        return make_mount(fs, ATTR_SAFE);
}

static void bind_devices(int root)
{
        for (size_t i = 0; i < COUNT(devices); i++) {
                const char *host_path = devices[i];
                const char *box_path = host_path + 1;
                struct stat st;

                int mnt = copy_mount(AT_FDCWD, host_path, 0, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
                must(host_path, fstat(mnt, &st));
                must(box_path, mknodat(root, box_path, S_IFREG | 0600, 0));
                attach(mnt, root, box_path);
        }
        for (size_t i = 0; i < COUNT(links); i++)
                must(links[i][1], symlinkat(links[i][0], root, links[i][1]));
}

static void build_dev(int root)
{
        int fs = open_fs("devpts");

        bind_devices(root);
        must("pts", mkdirat(root, "dev/pts", 0755));
        set_option(fs, "ptmxmode", "0666");
        set_option(fs, "mode", "0620");
        attach(make_mount(fs, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC), root, "dev/pts");
        must("mqueue", mkdirat(root, "dev/mqueue", 0755));
        attach(make_mount(open_fs("mqueue"), ATTR_NONE), root, "dev/mqueue");
        must("shm", mkdirat(root, "dev/shm", 0755));
        attach(new_tmpfs("1777", ATTR_NONE), root, "dev/shm");
}

/* The limit on user namespaces is written when everything is built; its name is read-only then. */
static int new_proc(struct floor_state *ret)
{
        const char *path = "sys/user/max_user_namespaces";
        int mnt = make_mount(open_fs("proc"), ATTR_NONE);

        ret->max_userns = (int)must(path, openat(mnt, path, O_WRONLY | O_CLOEXEC));
        return mnt;
}

/* /proc and the tmpfs of /dev, on places that an image shapes. */
static void build_image(int root, struct floor_state *ret)
{
        attach_at(new_proc(ret), open_place(root, "proc"));
        attach_at(new_tmpfs("0755", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC),
                  open_place(root, "dev"));
        attach_at(new_room(ret->stage, "tmp", 01777), open_place(root, "tmp"));
}

#define QUIET (ATTR_NONE | MOUNT_ATTR_RDONLY)

/* Covers what tells about the whole machine. */
static void cover(int root, int null, const char *const *places, size_t n)
{
        struct stat st;

        for (size_t i = 0; i < n; i++) {
                int at = open_place(root, places[i]);

                if (at < 0)
                        continue;
                must(places[i], fstat(at, &st));
                attach_at(S_ISDIR(st.st_mode) ? copy_mount(root, "dev/nothing", 0, QUIET)
                                              : copy_mount(null, "", AT_EMPTY_PATH, QUIET),
                          at);
        }
}

/* The sandbox's own host name and hosts, over the host's. */
static void build_names(int root)
{
        static const char *const names[] = { "etc/hostname", "etc/hosts" };
        static const char text[] = "127.0.0.1 localhost\n127.0.1.1 kelp\n";

        for (size_t i = 0; i < COUNT(names); i++) {
                int at = open_place(root, names[i]);

                if (at < 0)
                        continue;
                int fd = (int)must("file", openat(root, "dev/file",
                                                  O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
                must("file", write(fd, text, sizeof(text) - 1));
                close(fd);
                attach_at(copy_mount(root, "dev/file", 0, ATTR_SAFE | MOUNT_ATTR_RDONLY), at);
                must("file", unlinkat(root, "dev/file", 0));
        }
}

/* Makes read-only what steers the machine. */
static void pin_proc(int root)
{
        for (size_t i = 0; i < COUNT(read_only); i++) {
                int at = open_place(root, read_only[i]);

                if (at >= 0)
                        attach_at(copy_mount(at, "", AT_EMPTY_PATH | AT_RECURSIVE, QUIET), at);
        }
}

/*
 * The new root lies over "/": names are still looked up from the old one, which is below it.
 * The tmpfs of an image's upper layer is attached nowhere: to detach it again would cost as much as
 * the namespaces do.
 */
void root_start(const struct floor_plan *p, struct floor_state *ret)
{
        must("private", mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
        ret->null = (int)must("/dev/null", open("/dev/null", O_PATH | O_NOFOLLOW | O_CLOEXEC));
        ret->stage = new_tmpfs("0755", ATTR_SAFE);
        ret->root = p->lower ? new_overlay(ret->stage, p->lower) : ret->stage;
        ret->workdir[0] = '/';
        must("move_mount", move_mount(ret->root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH));
}

void root_build(const struct floor_plan *p, int cwd, struct floor_state *ret)
{
        int root = ret->root;

        if (p->lower) {
                build_image(root, ret);
        } else {
                build_host_view(root);
                attach(new_proc(ret), root, "proc");
        }
        build_dev(root);
        if (!p->lower) {
                bind_cwd(root, cwd, ret->workdir);
                build_names(root);
        }
        must("nothing", mkdirat(root, "dev/nothing", 0));
        cover(root, ret->null, proc_covered, COUNT(proc_covered));
        pin_proc(root);
}

void root_enter(const struct floor_plan *p, const struct floor_state *state)
{
        int root = state->root;
        int sys = make_mount(open_fs("sysfs"), QUIET);

        if (p->lower)
                attach_at(sys, open_place(root, "sys"));
        else
                attach(sys, root, "sys");
        cover(root, state->null, sys_covered, COUNT(sys_covered));
        must("nothing", unlinkat(root, "dev/nothing", AT_REMOVEDIR));
        if (!p->lower)
                set_attributes(root, 0, MOUNT_ATTR_RDONLY);
        must("fchdir", fchdir(root));
        must("pivot_root", syscall(SYS_pivot_root, ".", "."));
        must("umount2", umount2(".", MNT_DETACH));
        must("chdir", chdir("/"));
}
