#include "probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The mount table, and that it cannot be changed. */

#define NR_open_tree_attr 467
#define NR_statmount      457
#define NR_listmount      458
#define AT_NULL_PATH      ((long)(intptr_t) "")
#define ADDR(x)           ((long)(intptr_t)(x))

static long do_remount_root(void *arg)
{
        (void)arg;
        return mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL);
}

static long do_umount(void *arg)
{
        return umount2(arg, MNT_DETACH | UMOUNT_NOFOLLOW);
}

static void check_mount_calls(struct report *r, const struct facts *f)
{
        const struct call calls[] = {
                { "mount(tmpfs)", SYS_mount, PROVABLE, { ADDR("none"), ADDR("/"), ADDR("tmpfs") } },
                { "mount(bind / on itself)",
                  SYS_mount,
                  PROVABLE,
                  { ADDR("/"), ADDR("/"), 0, MS_BIND | MS_REC, 0 } },
                { "mount(proc)", SYS_mount, PROVABLE, { ADDR("none"), ADDR("/"), ADDR("proc") } },
                { "mount(binfmt_misc)",
                  SYS_mount,
                  UNPROVABLE,
                  { ADDR("none"), ADDR("/"), ADDR("binfmt_misc") } },
                { "mount(cgroup2)",
                  SYS_mount,
                  UNPROVABLE,
                  { ADDR("none"), ADDR("/"), ADDR("cgroup2") } },
                { "mount(shared)", SYS_mount, PROVABLE, { 0, ADDR("/"), 0, MS_SHARED, 0 } },
                { "umount2", SYS_umount2, PROVABLE, { ADDR("/"), MNT_DETACH } },
                { "pivot_root", SYS_pivot_root, PROVABLE, { ADDR("/"), ADDR("/") } },
                { "fsopen", SYS_fsopen, PROVABLE, { ADDR("tmpfs"), 0 } },
                { "fspick", SYS_fspick, PROVABLE, { AT_FDCWD, ADDR("/"), 0 } },
                { "fsmount", SYS_fsmount, PROVABLE, { -1, 0, 0 } },
                { "fsconfig", SYS_fsconfig, PROVABLE, { -1, FSCONFIG_CMD_CREATE, 0, 0, 0 } },
                { "open_tree", SYS_open_tree, PROVABLE, { AT_FDCWD, ADDR("/"), OPEN_TREE_CLONE } },
                { "open_tree without a clone",
                  SYS_open_tree,
                  PROVABLE,
                  { AT_FDCWD, ADDR("/"), 0 } },
                { "move_mount", SYS_move_mount, PROVABLE, { -1, AT_NULL_PATH, -1, AT_NULL_PATH } },
                { "mount_setattr",
                  SYS_mount_setattr,
                  PROVABLE,
                  { AT_FDCWD, ADDR("/"), 0, ADDR("0123456789abcdef0123456789abcdef"), 1 } },
                { "open_tree_attr", NR_open_tree_attr, UNPROVABLE, { AT_FDCWD, ADDR("/"), 0 } },
                { "statmount", NR_statmount, UNPROVABLE, { 0, 0, 0, 0 } },
                { "listmount", NR_listmount, UNPROVABLE, { 0, 0, 0, 0 } },
                { NULL, 0, PROVABLE, { 0 } },
        };

        expect_calls_denied(r, calls);
        /* CAP_SYS_CHROOT leads nowhere when the old root is detached, so an image may have it */
        if ((fact_number(f, "caps", 16, 0) & (1UL << 18)) == 0) {
                const struct call c[] = { { "chroot", SYS_chroot, PROVABLE, { ADDR("/") } },
                                          { NULL, 0, PROVABLE, { 0 } } };
                expect_calls_denied(r, c);
        }
        expect_denied(r, UNPROVABLE, "remount / writable", do_remount_root, NULL);
        expect_denied(r, UNPROVABLE, "umount a mask", do_umount, (void *)(size_t) "/proc/keys");
        expect_denied(r, UNPROVABLE, "umount /proc/sys", do_umount, (void *)(size_t) "/proc/sys");
}

struct mount_line {
        char root[4096];
        char point[4096];
        char flags[512];
        char optional[512];
        char type[64];
};

typedef void mount_fn(const struct mount_line *m, void *arg);

static void parse_line(char *line, mount_fn *fn, void *arg)
{
        static struct mount_line m;
        char *sep = strstr(line, " - ");
        int at = 0;

        if (!sep ||
            sscanf(line, "%*s %*s %*s %4095s %4095s %511s %n", m.root, m.point, m.flags, &at) < 3)
                return;
        size_t len = sep > line + at ? (size_t)(sep - line - at) : 0;
        snprintf(m.optional, sizeof(m.optional), "%.*s", (int)len, line + at);
        sscanf(sep + 3, "%63s", m.type);
        fn(&m, arg);
}

static int mounts_each(mount_fn *fn, void *arg)
{
        static char text[1 << 20];
        char *save = NULL;

        if (read_text("/proc/self/mountinfo", text, sizeof(text)) <= 0)
                return -1;
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
                parse_line(line, fn, arg);
        return 0;
}

struct mount_sums {
        unsigned n;
        unsigned suid;
        unsigned dev;
        unsigned shared;
        char suid_point[256];
        char dev_point[256];
        char shared_point[256];
};

/* The device nodes that a sandbox has, and its terminals, are the only ones that may work. */
static bool may_have_devices(const struct mount_line *m)
{
        struct stat st;

        if (strcmp(m->type, "devpts") == 0)
                return true;
        return stat(m->point, &st) == 0 && S_ISCHR(st.st_mode);
}

static void sum_mount(const struct mount_line *m, void *arg)
{
        struct mount_sums *s = arg;

        s->n++;
        if (!list_has(m->flags, "nosuid")) {
                s->suid++;
                snprintf(s->suid_point, sizeof(s->suid_point), "%.255s", m->point);
        }
        if (!list_has(m->flags, "nodev") && !may_have_devices(m)) {
                s->dev++;
                snprintf(s->dev_point, sizeof(s->dev_point), "%.255s", m->point);
        }
        if (strstr(m->optional, "shared:") || strstr(m->optional, "master:")) {
                s->shared++;
                snprintf(s->shared_point, sizeof(s->shared_point), "%.255s", m->point);
        }
}

static void check_mount_table(struct report *r, const struct facts *f)
{
        struct mount_sums s = { 0 };
        (void)f;

        if (mounts_each(sum_mount, &s) < 0) {
                report_item(r, true, PROVABLE, "/proc/self/mountinfo cannot be read");
                return;
        }
        report_item(r, s.suid, PROVABLE, "%u of %u mounts without nosuid %s", s.suid, s.n,
                    s.suid_point);
        report_item(r, s.dev, PROVABLE, "%u of %u mounts without nodev %s", s.dev, s.n,
                    s.dev_point);
        report_item(r, s.shared, UNPROVABLE, "%u of %u mounts with propagation %s", s.shared, s.n,
                    s.shared_point);
}

struct leak {
        const char *text;
        unsigned n;
        char point[256];
};

static void match_root(const struct mount_line *m, void *arg)
{
        struct leak *l = arg;

        if (strstr(m->root, l->text)) {
                l->n++;
                snprintf(l->point, sizeof(l->point), "%.255s", m->point);
        }
}

/* hidden_path=PART: of a host path that the mount table must not tell */
static void check_mount_names(struct report *r, const struct facts *f)
{
        struct leak l = { .text = fact(f, "hidden_path") };

        mounts_each(match_root, &l);
        report_item(r, l.n, UNPROVABLE, "%u lines of mountinfo name '%s' %s", l.n, l.text, l.point);
}

static bool is_empty_dir(const char *path)
{
        DIR *dir = opendir(path);
        struct dirent *d;
        bool is_empty = true;

        if (!dir)
                return true;
        while ((d = readdir(dir)))
                is_empty &= strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0;
        closedir(dir);
        return is_empty;
}

static void check_mask(struct report *r, const char *path, enum proof proof)
{
        char text[64];
        struct stat st;

        if (stat(path, &st) < 0)
                report_item(r, false, UNPROVABLE, "%s (%s)", path, strerrorname_np(errno));
        else if (S_ISDIR(st.st_mode))
                report_item(r, !is_empty_dir(path), proof, "%s is an empty directory", path);
        else
                report_item(r, read_text(path, text, sizeof(text)) > 0, proof, "%s reads as empty",
                            path);
}

static void check_masks(struct report *r, const struct facts *f)
{
        static const struct {
                const char *path;
                enum proof proof;
        } masks[] = {
                { "/proc/keys", UNPROVABLE },
                { "/proc/kcore", UNPROVABLE },
                { "/proc/kmsg", UNPROVABLE },
                { "/proc/timer_list", UNPROVABLE },
                { "/proc/timer_stats", UNPROVABLE },
                { "/proc/sched_debug", UNPROVABLE },
                { "/proc/latency_stats", UNPROVABLE },
                { "/proc/scsi", UNPROVABLE },
                { "/proc/acpi", UNPROVABLE },
                { "/proc/asound", UNPROVABLE },
                { "/proc/interrupts", PROVABLE },
                { "/proc/kpagecount", UNPROVABLE },
                { "/proc/kpageflags", UNPROVABLE },
                { "/proc/vmallocinfo", UNPROVABLE },
                { "/sys/firmware", UNPROVABLE },
                { "/sys/devices/virtual/powercap", UNPROVABLE },
                { "/sys/kernel/debug", UNPROVABLE },
                { "/sys/kernel/security", UNPROVABLE },
                { "/sys/kernel/tracing", UNPROVABLE },
        };
        (void)f;

        for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++)
                check_mask(r, masks[i].path, masks[i].proof);
}

static void print_mount(const struct mount_line *m, void *arg)
{
        (void)arg;
        printf("mount %s %s %s %s\n", m->point, m->type, m->flags, m->optional);
}

/* For the fingerprint: what each mount is, without ids, sizes and host paths. */
void print_mounts(void)
{
        mounts_each(print_mount, NULL);
}

const struct check checks_mounts[] = {
        { "mount-calls", "userns", NULL, check_mount_calls },
        { "mount-table", "host", NULL, check_mount_table },
        { "mount-names", "none", "hidden_path", check_mount_names },
        { "masks", "host", NULL, check_masks },
        { NULL, NULL, NULL, NULL },
};
