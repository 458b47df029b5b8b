#include "sysctl.h"

#include "fd.h"
#include "io.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

struct rule {
        const char *name; /* below /proc/sys; with a slash at its end: all below */
        enum bundle_ns ns;
};

/* Source: namespaces(7), ipc_namespaces(7), Documentation/admin-guide/sysctl; crun and runc agree. */
static const struct rule rules[] = {
        { "net/", BUNDLE_NS_NETWORK },          { "fs/mqueue/", BUNDLE_NS_IPC },
        { "kernel/msgmax", BUNDLE_NS_IPC },     { "kernel/msgmnb", BUNDLE_NS_IPC },
        { "kernel/msgmni", BUNDLE_NS_IPC },     { "kernel/sem", BUNDLE_NS_IPC },
        { "kernel/shmall", BUNDLE_NS_IPC },     { "kernel/shmmax", BUNDLE_NS_IPC },
        { "kernel/shmmni", BUNDLE_NS_IPC },     { "kernel/shm_rmid_forced", BUNDLE_NS_IPC },
        { "kernel/domainname", BUNDLE_NS_UTS },
};

static const char *const ns_names[BUNDLE_N_NS] = {
        [BUNDLE_NS_NETWORK] = "network",
        [BUNDLE_NS_IPC] = "ipc",
        [BUNDLE_NS_UTS] = "uts",
};

static const struct rule *find_rule(const char *name)
{
        for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
                const struct rule *r = &rules[i];

                if (str_has_suffix(r->name, "/") ? str_has_prefix(name, r->name)
                                                 : str_eq(name, r->name))
                        return r;
        }
        return NULL;
}

static int check(const struct bundle *b, const struct bundle_line *line, struct err *e)
{
        const struct rule *rule = find_rule(line->file);

        if (str_eq(line->file, "kernel/hostname"))
                return err_set(e, EINVAL, "%s: the name of the host is set by 'hostname'",
                               line->where);
        if (!rule)
                return err_set(e, EINVAL, "%s: '%s' is not namespaced: it would change the host",
                               line->where, line->file);
        if (!b->ns[rule->ns].is_asked)
                return err_set(e, EINVAL, "%s: '%s' needs a namespace of the kind '%s'",
                               line->where, line->file, ns_names[rule->ns]);
        if (str_eq(line->file, "kernel/domainname") && b->domain_name &&
            !str_eq(b->domain_name, line->value))
                return err_set(e, EINVAL, "%s: 'domainname' says another one", line->where);
        return 0;
}

int sysctl_check(const struct bundle *b, struct err *e)
{
        for (size_t i = 0; i < b->n_sysctls; i++) {
                if (check(b, &b->sysctls[i], e) < 0)
                        return -e->code;
        }
        return 0;
}

static int open_below(int dir, const char *name, int flags)
{
        struct open_how how = {
                .flags = (unsigned)(flags | O_CLOEXEC),
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
                           RESOLVE_NO_XDEV,
        };

        return (int)syscall(SYS_openat2, dir, name, &how, sizeof(how));
}

int sysctl_prepare(const struct bundle *b, struct rootfs *r, struct err *e)
{
        struct statfs fs;

        if (b->n_sysctls == 0 || r->proc_sys >= 0)
                return 0;
        autofd proc = open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (proc < 0 || fstatfs(proc, &fs) < 0)
                return err_sys(e, "cannot open '/proc'");
        if (fs.f_type != PROC_SUPER_MAGIC)
                return err_set(e, EINVAL, "'/proc' is no procfs");
        r->proc_sys = open_below(proc, "sys", O_PATH | O_DIRECTORY);
        return r->proc_sys < 0 ? err_sys(e, "cannot open '/proc/sys'") : 0;
}

int sysctl_write(const struct bundle *b, const struct rootfs *r, struct err *e)
{
        for (size_t i = 0; i < b->n_sysctls; i++) {
                const struct bundle_line *line = &b->sysctls[i];
                autofd fd = open_below(r->proc_sys, line->file, O_WRONLY);

                if (fd < 0)
                        return err_sys(e, "%s: cannot open '/proc/sys/%s'", line->where,
                                       line->file);
                if (io_write_all(fd, line->value, strlen(line->value), line->file, e) < 0)
                        return err_prefix(e, "%s", line->where);
        }
        return 0;
}
