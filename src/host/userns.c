#include "attempt.h"
#include "cause.h"
#include "fd.h"
#include "mem.h"
#include "mounts.h"
#include "probes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_SEEN 1000

/* Debian's own switch, which its kernels had before the AppArmor one. */
#define SWITCH "proc/sys/kernel/unprivileged_userns_clone"

static bool cause_unmapped(const struct host_view *v, struct host_cause *ret)
{
        bool uid = host_is_mapped(v, "proc/self/uid_map", v->uid);

        if (uid && host_is_mapped(v, "proc/self/gid_map", v->gid))
                return false;
        host_cause_why(ret, "your %s %u has no place in the user namespace that kelp runs in",
                       uid ? "group id" : "user id", uid ? v->gid : v->uid);
        host_cause_fix(ret, "start kelp as a user whom the outer container maps (see "
                            "/proc/self/uid_map)");
        return true;
}

static bool cause_refused(const struct host_view *v, int code, struct host_cause *ret)
{
        uint64_t on = 1;

        if (host_read_number(v, SWITCH, &on) && on == 0) {
                host_cause_why(ret, "kernel.unprivileged_userns_clone is 0");
                host_cause_fix(ret, "%ssysctl -w kernel.unprivileged_userns_clone=1", host_sudo(v));
                host_cause_fix(ret, "to keep it: the same setting in /etc/sysctl.d/60-kelp.conf");
                return true;
        }
        if (cause_unmapped(v, ret) || host_cause_refused(v, code, ret))
                return true;
        if (!host_is_root_a_mount(v)) {
                host_cause_why(ret, "the kernel makes no user namespace inside a chroot");
                host_cause_fix(ret, "start kelp outside of the chroot, or enter it by pivot_root "
                                    "(unshare --root, systemd-nspawn)");
                return true;
        }
        host_cause_why(ret, "a security module of this machine refuses user namespaces");
        host_cause_fix(ret, "its reason is in the kernel log: %sdmesg | tail", host_sudo(v));
        return true;
}

bool host_cause_userns(const struct host_view *v, int code, struct host_cause *ret)
{
        switch (code) {
        case ENOSPC:
        case EUSERS:
                host_cause_limit(v, "user", ret);
                return true;
        case EINVAL:
                host_cause_why(ret, "this kernel was built without user namespaces");
                host_cause_fix(ret, "use a kernel with CONFIG_USER_NS=y");
                return true;
        case EAGAIN:
                host_cause_why(ret, "your limit on processes is reached");
                host_cause_fix(ret, "raise it: ulimit -u unlimited");
                return true;
        case EPERM:
        case EACCES:
        case ENOSYS:
                return cause_refused(v, code, ret);
        default:
                return false;
        }
}

bool host_cause_id_map(const struct host_view *v, int code, struct host_cause *ret)
{
        /* a write to a map gives none of these: they come from newuidmap, or from starting it */
        if (code == EIO || code == ETIMEDOUT || (code == ENOENT && host_exists(v, "proc/self")))
                return host_cause_newidmap(v, ret);
        if (code == ENOENT) {
                host_cause_why(ret, "no /proc is mounted here, and maps are written through it");
                host_cause_fix(ret, "%smount -t proc proc /proc", host_sudo(v));
                return true;
        }
        if ((code == EINVAL || code == EPERM) && cause_unmapped(v, ret))
                return true;
        return host_cause_refused(v, code, ret);
}

/*
 * How many user namespaces processes of this machine are in, as far as they can be seen: a lower
 * bound, since a namespace can be held open without a process.
 */
static size_t count_in_use(const struct host_view *v)
{
        int fd = openat(v->root_fd, "proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        autodir *dir = fd_take_dir(&fd);
        size_t n = 0;

        if (!dir)
                return 0;
        int proc = dirfd(dir);
        autofree uint64_t *seen = calloc(MAX_SEEN, sizeof(*seen));
        if (!seen)
                return 0;
        for (struct dirent *entry; n < MAX_SEEN && (entry = readdir(dir));) {
                char path[300];
                char link[64];
                unsigned long long inode = 0;
                size_t i = 0;

                snprintf(path, sizeof(path), "%s/ns/user", entry->d_name);
                ssize_t len = readlinkat(proc, path, link, sizeof(link) - 1);
                if (len <= 0)
                        continue;
                link[len] = '\0';
                if (sscanf(link, "user:[%llu]", &inode) != 1)
                        continue;
                while (i < n && seen[i] != inode)
                        i++;
                if (i == n)
                        seen[n++] = inode;
        }
        return n;
}

void host_probe_userns(const struct host_view *v, struct host_fact *ret)
{
        const struct host_attempt attempt = { .in_userns = true };
        struct err e = { 0 };
        uint64_t limit = 0;

        if (host_attempt(v, &attempt, NULL, &e) < 0) {
                host_fact_set(ret, HOST_MISSING, "%.*s", err_message_len(&e), e.text);
                host_find_cause(v, e.step ? (enum host_topic)e.step : HOST_TOPIC_USERNS, e.code,
                                &ret->cause);
                return;
        }
        if (!host_read_number(v, "proc/sys/user/max_user_namespaces", &limit)) {
                host_fact_set(ret, HOST_OK, "made and mapped");
                return;
        }
        size_t used = count_in_use(v);
        host_fact_set(ret, HOST_OK, "made and mapped; %llu allowed, at least %zu in use",
                      (unsigned long long)limit, used);
        if (limit - used < 10 || used >= limit) {
                ret->state = HOST_WEAKER;
                host_cause_limit(v, "user", &ret->cause);
        }
}
