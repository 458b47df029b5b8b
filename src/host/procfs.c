#include "attempt.h"
#include "cause.h"
#include "mem.h"
#include "mounts.h"
#include "outer.h"
#include "probes.h"
#include "str.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

/*
 * A fresh proc or sysfs in a user namespace shows nothing that the old one does not: the kernel
 * (fs/namespace.c, mount_too_revealing) refuses it when every instance that can be seen has
 * something mounted over a part of it, or is read-only and the new one is not.  That is how an
 * outer container that masks parts of its own /proc forbids a new one inside.
 */

static int mount_proc(void *data, struct err *e)
{
        (void)data;
        if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
                return host_failed(e, HOST_TOPIC_PROC, err_sys(e, "cannot mount a fresh '/proc'"));
        return 0;
}

static int be_private(int flags, struct err *e)
{
        if (unshare(flags) < 0)
                return host_failed(e, HOST_TOPIC_NAMESPACES, err_sys(e, "cannot make namespaces"));
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return host_failed(e, HOST_TOPIC_MOUNT, err_sys(e, "cannot make '/' private"));
        return 0;
}

/* A process that is in the new pid namespace has to mount it. */
static int try_proc(void *data, char *note, struct err *e)
{
        (void)note;
        if (be_private(CLONE_NEWNS | CLONE_NEWPID, e) < 0)
                return -e->code;
        return host_attempt_fork(mount_proc, data, e);
}

static int try_sysfs(void *data, char *note, struct err *e)
{
        (void)data;
        (void)note;
        if (be_private(CLONE_NEWNS | CLONE_NEWNET, e) < 0)
                return -e->code;
        if (mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL) < 0)
                return host_failed(e, HOST_TOPIC_SYSFS, err_sys(e, "cannot mount a fresh '/sys'"));
        return 0;
}

/* Directories that the kernel keeps as mount points, empty for ever: a mount there hides nothing. */
static bool is_meant_for_mounts(const char *point)
{
        static const char *const points[] = {
                "/proc/sys/fs/binfmt_misc",
                "/proc/fs/nfsd",
                "/proc/openprom",
                "/sys/fs/bpf",
                "/sys/fs/cgroup",
                "/sys/fs/fuse/connections",
                "/sys/fs/pstore",
                "/sys/fs/selinux",
                "/sys/fs/smackfs",
                "/sys/fs/resctrl",
                "/sys/kernel/config",
                "/sys/kernel/debug",
                "/sys/kernel/security",
                "/sys/kernel/tracing",
                "/sys/firmware/efi/efivars",
                "/sys/hypervisor/s390",
        };

        for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
                if (str_eq(point, points[i]))
                        return true;
        }
        return false;
}

struct masks {
        bool is_there;     /* the file system is mounted as a whole somewhere */
        bool is_read_only; /* and nowhere writable */
        unsigned n;        /* mounts over parts of the instance at `top` */
        char names[160];   /* the first three of them */
};

static void add_mask(struct masks *masks, const char *point)
{
        size_t len = strlen(masks->names);

        if (masks->n++ < 3)
                snprintf(masks->names + len, sizeof(masks->names) - len, "%s%s",
                         len > 0 ? ", " : "", point);
}

static void find_masks(const struct host_view *v, const char *top, const char *type,
                       struct masks *ret)
{
        autofree char *text = host_read_mounts(v);
        autofree char *again = text ? strdup(text) : NULL;
        struct host_mount mount;
        unsigned id = 0;

        *ret = (struct masks){ .is_read_only = true };
        for (char *at = text; host_next_mount(&at, &mount);) {
                if (!str_eq(mount.type, type) || !str_eq(mount.root, "/"))
                        continue;
                ret->is_there = true;
                if (!host_has_option(mount.options, "ro"))
                        ret->is_read_only = false;
                if (str_eq(mount.point, top))
                        id = mount.id;
        }
        for (char *at = again; id && host_next_mount(&at, &mount);) {
                if (mount.parent == id && !is_meant_for_mounts(mount.point))
                        add_mask(ret, mount.point);
        }
}

/* The two file systems that can be refused so. */
struct kernel_fs {
        const char *top;
        const char *type;
        enum host_topic topic;
        enum host_outer_wish wish;
        struct host_attempt attempt;
};

static const struct kernel_fs procfs = {
        .top = "/proc",
        .type = "proc",
        .topic = HOST_TOPIC_PROC,
        .wish = HOST_OUTER_PROC,
        .attempt = { .run = try_proc, .in_userns = true },
};

static const struct kernel_fs sysfs = {
        .top = "/sys",
        .type = "sysfs",
        .topic = HOST_TOPIC_SYSFS,
        .wish = HOST_OUTER_SYS,
        .attempt = { .run = try_sysfs, .in_userns = true },
};

static bool explain(const struct host_view *v, const struct kernel_fs *fs, int code,
                    struct host_cause *ret)
{
        enum host_outer outer = host_find_outer(v);
        struct masks masks;

        /* AppArmor's EPERM is for every mount, whatever lies over this one */
        if (host_cause_apparmor(v, ret))
                return true;
        find_masks(v, fs->top, fs->type, &masks);
        if (code == EPERM && masks.n > 0) {
                host_cause_why(ret,
                               "%s has %u mount%s over parts of its own %s (%s%s), so the "
                               "kernel refuses a fresh one that would show them",
                               host_outer_name(outer), masks.n, masks.n == 1 ? "" : "s", fs->top,
                               masks.names, masks.n > 3 ? ", ..." : "");
        } else if (code == EPERM && !masks.is_there) {
                host_cause_why(ret,
                               "the kernel gives a fresh %s only where a whole one is "
                               "mounted, and here is none",
                               fs->top);
        } else if (code == EPERM && masks.is_read_only && fs->topic == HOST_TOPIC_PROC) {
                host_cause_why(ret,
                               "%s has its %s read-only, so the kernel refuses a writable "
                               "one",
                               host_outer_name(outer), fs->top);
        } else {
                return host_cause_refused(v, code, ret);
        }
        host_outer_fix(outer, fs->wish, ret);
        return true;
}

/* Explains nothing when this one works, or fails otherwise: then something else was refused. */
static bool find_cause(const struct host_view *v, const struct kernel_fs *fs, int code,
                       struct host_cause *ret)
{
        struct err e = { 0 };

        if (host_attempt(v, &fs->attempt, NULL, &e) == 0 || e.code != code)
                return false;
        if (e.step == HOST_TOPIC_MOUNT)
                return host_cause_refused(v, code, ret);
        return e.step == (int)fs->topic && explain(v, fs, code, ret);
}

bool host_cause_proc(const struct host_view *v, int code, struct host_cause *ret)
{
        return find_cause(v, &procfs, code, ret);
}

bool host_cause_sysfs(const struct host_view *v, int code, struct host_cause *ret)
{
        return find_cause(v, &sysfs, code, ret);
}

static void probe(const struct host_view *v, const struct kernel_fs *fs, struct host_fact *ret)
{
        struct err e = { 0 };

        if (host_attempt(v, &fs->attempt, NULL, &e) == 0) {
                host_fact_set(ret, HOST_OK, "a sandbox gets its own");
                return;
        }
        if (host_is_untried(&e, fs->topic, ret))
                return;
        host_fact_set(ret, HOST_MISSING, "%.*s", err_message_len(&e), e.text);
        explain(v, fs, e.code, &ret->cause);
}

void host_probe_proc(const struct host_view *v, struct host_fact *ret)
{
        probe(v, &procfs, ret);
}

void host_probe_sysfs(const struct host_view *v, struct host_fact *ret)
{
        probe(v, &sysfs, ret);
}
