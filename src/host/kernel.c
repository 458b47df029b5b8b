#include "attempt.h"
#include "cause.h"
#include "fd.h"
#include "outer.h"
#include "probes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

/*
 * The calls that kelp cannot do without, each made with arguments that no kernel takes: only one
 * that does not know the call answers ENOSYS.  A number proves less: a filter of an outer
 * container can hide what its kernel has.
 */
static const struct {
        long number;
        const char *name;
        const char *since;
} calls[] = {
        { SYS_pidfd_open, "pidfd_open", "5.3" }, { SYS_clone3, "clone3", "5.3" },
        { SYS_openat2, "openat2", "5.6" },       { SYS_close_range, "close_range", "5.9" },
        { SYS_fsopen, "fsopen", "5.2" },         { SYS_fsconfig, "fsconfig", "5.2" },
        { SYS_fsmount, "fsmount", "5.2" },       { SYS_open_tree, "open_tree", "5.2" },
        { SYS_move_mount, "move_mount", "5.2" }, { SYS_mount_setattr, "mount_setattr", "5.12" },
};

/* Every argument is one that cannot be. */
static bool is_known(long number)
{
        return syscall(number, -1L, 0L, -1L, 0L, 0L) >= 0 || errno != ENOSYS;
}

/* The view of the host: a copy of all mounts, made read-only by descriptor. */
static int copy_mounts(void *data, char *note, struct err *e)
{
        struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID };

        (void)data;
        (void)note;
        if (unshare(CLONE_NEWNS) < 0)
                return host_failed(e, HOST_TOPIC_NAMESPACES,
                                   err_sys(e, "cannot make a mount namespace"));
        autofd tree = (int)syscall(SYS_open_tree, AT_FDCWD, "/",
                                   OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
        if (tree < 0)
                return host_failed(e, HOST_TOPIC_MOUNT, err_sys(e, "cannot copy the view of '/'"));
        if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr,
                    sizeof(attr)) < 0)
                return host_failed(e, HOST_TOPIC_MOUNT,
                                   err_sys(e, "cannot make a copy of '/' read-only"));
        return 0;
}

bool host_cause_view(const struct host_view *v, int code, struct host_cause *ret)
{
        const struct host_attempt attempt = { .run = copy_mounts, .in_userns = true };
        struct err e = { 0 };

        if (host_attempt(v, &attempt, NULL, &e) == 0 || e.step != HOST_TOPIC_MOUNT ||
            e.code != code)
                return false;
        return host_cause_refused(v, code, ret);
}

void host_probe_view(const struct host_view *v, struct host_fact *ret)
{
        const struct host_attempt attempt = { .run = copy_mounts, .in_userns = true };
        struct err e = { 0 };

        if (host_attempt(v, &attempt, NULL, &e) == 0) {
                host_fact_set(ret, HOST_OK, "this machine's files can be shown read-only");
                return;
        }
        if (host_is_untried(&e, HOST_TOPIC_MOUNT, ret))
                return;
        host_fact_set(ret, HOST_MISSING, "%.*s", err_message_len(&e), e.text);
        host_cause_refused(v, e.code, &ret->cause);
}

void host_probe_kernel(const struct host_view *v, struct host_fact *ret)
{
        struct utsname name = { 0 };

        uname(&name);
        for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
                if (is_known(calls[i].number))
                        continue;
                host_fact_set(ret, HOST_MISSING, "%s, without the call '%s'", name.release,
                              calls[i].name);
                if (host_cause_seccomp(v, ENOSYS, &ret->cause))
                        return;
                host_cause_why(&ret->cause, "that came with Linux %s; kelp needs 5.12",
                               calls[i].since);
                host_cause_fix(&ret->cause, "use a newer kernel");
                return;
        }
        host_fact_set(ret, HOST_OK, "Linux %s has every call that kelp needs", name.release);
}
