#include "kernel-fs.h"

#include "path.h"
#include "place.h"

#include <stdio.h>

/*
 * /proc: what tells about the whole machine is covered, what steers it is read-only.  The list is
 * the one that container runtimes agree on, and interrupts, which gives other users' keystrokes
 * away.  Files that only the host's root may read need no cover: inside, nobody is the host's root.
 * Files that a kernel does not have are no error.
 */
static const char *const proc_covered[] = {
        "/proc/acpi",       "/proc/asound",        "/proc/interrupts",  "/proc/kcore",
        "/proc/keys",       "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi",
        "/proc/timer_list", "/proc/timer_stats",
};

static const char *const proc_read_only[] = {
        "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

static const char *const sys_covered[] = { "/sys/devices/virtual/powercap", "/sys/firmware" };

/* File systems of the host's that come along when /sys is the host's own. */
static const char *const sys_mounted[] = { "/sys/fs/bpf", "/sys/fs/cgroup", "/sys/kernel/debug",
                                           "/sys/kernel/security", "/sys/kernel/tracing" };

static const char *const devices[] = { "null", "zero", "full", "random", "urandom", "tty" };

struct dev_link {
        const char *name;
        const char *target;
};

static const struct dev_link dev_links[] = {
        { "/dev/fd", "/proc/self/fd" },       { "/dev/stdin", "/proc/self/fd/0" },
        { "/dev/stdout", "/proc/self/fd/1" }, { "/dev/stderr", "/proc/self/fd/2" },
        { "/dev/ptmx", "pts/ptmx" },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char origin[] = "built in";

static struct tree_entry *add(struct tree *t, enum tree_kind kind, const char *path, unsigned flags,
                              struct err *e)
{
        struct tree_entry *entry = tree_add(t, kind, path, origin, e);

        if (entry)
                entry->flags = flags;
        return entry;
}

static int add_all(struct tree *t, enum tree_kind kind, const char *const *paths, size_t n,
                   unsigned flags, struct err *e)
{
        for (size_t i = 0; i < n; i++) {
                if (!add(t, kind, paths[i], flags, e))
                        return -e->code;
        }
        return 0;
}

static unsigned place_flag(const struct tree *t, const char *path)
{
        return place_is_ours(t, path) ? TREE_IN_OWN_TMPFS : 0;
}

static int add_proc(struct tree *t, struct err *e)
{
        const unsigned quiet = TREE_NO_SUID | TREE_NO_DEV | TREE_NO_EXEC;

        if (!add(t, TREE_PROC, "/proc", quiet | TREE_IS_DIRECTORY | place_flag(t, "/proc"), e))
                return -e->code;
        if (add_all(t, TREE_EMPTY, proc_covered, COUNT(proc_covered), TREE_IF_EXISTS, e) < 0)
                return -e->code;
        return add_all(t, TREE_PIN, proc_read_only, COUNT(proc_read_only),
                       quiet | TREE_READ_ONLY | TREE_IF_EXISTS, e);
}

/*
 * /sys shows the network devices of the namespace that it is mounted in, and the kernel gives a
 * fresh one only to the owner of that namespace: with the host's network it is the host's.
 */
int kernel_fs_add_sys(const struct plan *p, struct tree *t, struct err *e)
{
        const unsigned flags = TREE_NO_SUID | TREE_NO_DEV | TREE_NO_EXEC | TREE_READ_ONLY |
                               TREE_IS_DIRECTORY | place_flag(t, "/sys");

        if (p->net.mode == PLAN_NETWORK_HOST) {
                struct tree_entry *entry = add(t, TREE_BIND, "/sys", flags | TREE_RECURSIVE, e);

                if (!entry)
                        return -e->code;
                entry->source = "/sys";
                if (add_all(t, TREE_EMPTY, sys_mounted, COUNT(sys_mounted), TREE_IF_EXISTS, e) < 0)
                        return -e->code;
        } else if (!add(t, TREE_SYSFS, "/sys", flags, e)) {
                return -e->code;
        }
        return add_all(t, TREE_EMPTY, sys_covered, COUNT(sys_covered), TREE_IF_EXISTS, e);
}

static int add_dev_root(const struct plan *p, struct tree *t, struct err *e)
{
        struct tree_entry *entry;

        if (p->root == PLAN_ROOT_HOST) {
                entry = add(t, TREE_DIR, "/dev", 0, e);
        } else {
                entry = add(t, TREE_TMPFS, "/dev",
                            TREE_NO_SUID | TREE_NO_DEV | TREE_NO_EXEC | TREE_IS_DIRECTORY, e);
                if (entry)
                        entry->size = 65536;
        }
        if (!entry)
                return -e->code;
        entry->mode = 0755;
        return 0;
}

static int add_nodes(struct tree *t, struct err *e)
{
        for (size_t i = 0; i < COUNT(devices); i++) {
                const char *path = arena_print(&t->arena, e, "/dev/%s", devices[i]);
                struct tree_entry *entry;

                if (!path)
                        return -e->code;
                entry = add(t, TREE_BIND, path,
                            TREE_NO_SUID | TREE_NO_EXEC | TREE_IN_OWN_TMPFS | TREE_IS_SPECIAL, e);
                if (!entry)
                        return -e->code;
                entry->source = path;
        }
        for (size_t i = 0; i < COUNT(dev_links); i++) {
                struct tree_entry *entry = add(t, TREE_SYMLINK, dev_links[i].name, 0, e);

                if (!entry)
                        return -e->code;
                entry->source = dev_links[i].target;
        }
        return 0;
}

static int add_dev(const struct plan *p, struct tree *t, struct err *e)
{
        const unsigned quiet = TREE_NO_SUID | TREE_NO_EXEC | TREE_IN_OWN_TMPFS | TREE_IS_DIRECTORY;
        struct tree_entry *shm;

        if (add_dev_root(p, t, e) < 0 || add_nodes(t, e) < 0 ||
            !add(t, TREE_DEVPTS, "/dev/pts", quiet, e) ||
            !add(t, TREE_MQUEUE, "/dev/mqueue", quiet | TREE_NO_DEV, e))
                return -e->code;
        shm = add(t, TREE_TMPFS, "/dev/shm", quiet | TREE_NO_DEV, e);
        if (!shm)
                return -e->code;
        shm->mode = 01777;
        shm->size = p->limits.shm_size;
        if (p->limits.memory > 0 && p->limits.memory < shm->size)
                shm->size = p->limits.memory;
        return 0;
}

int kernel_fs_add(const struct plan *p, struct tree *t, struct err *e)
{
        if (add_proc(t, e) < 0)
                return -e->code;
        return add_dev(p, t, e);
}
