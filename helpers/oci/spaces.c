#include "spaces.h"

#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
        const char *name;
        int flag;
} kinds_of[] = {
        [BUNDLE_NS_USER] = { "user", CLONE_NEWUSER },
        [BUNDLE_NS_MOUNT] = { "mount", CLONE_NEWNS },
        [BUNDLE_NS_PID] = { "pid", CLONE_NEWPID },
        [BUNDLE_NS_NETWORK] = { "network", CLONE_NEWNET },
        [BUNDLE_NS_IPC] = { "ipc", CLONE_NEWIPC },
        [BUNDLE_NS_UTS] = { "uts", CLONE_NEWUTS },
        [BUNDLE_NS_CGROUP] = { "cgroup", CLONE_NEWCGROUP },
        [BUNDLE_NS_TIME] = { "time", CLONE_NEWTIME },
};
_Static_assert(sizeof(kinds_of) / sizeof(kinds_of[0]) == BUNDLE_N_NS, "a namespace has no name");

/* Its paths name files of the host as they are now: of a mount namespace joined, the last. */
static const enum bundle_ns join_order[] = {
        BUNDLE_NS_NETWORK, BUNDLE_NS_IPC, BUNDLE_NS_UTS,   BUNDLE_NS_CGROUP,
        BUNDLE_NS_TIME,    BUNDLE_NS_PID, BUNDLE_NS_MOUNT,
};

void spaces_done(struct spaces *s)
{
        for (size_t i = 0; i < BUNDLE_N_NS; i++)
                fd_close(&s->join[i]);
}

static int open_one(const struct bundle_namespace *ns, enum bundle_ns kind, int *ret, struct err *e)
{
        const char *where = ns->where ? ns->where : "linux.namespaces";
        /* a fifo in the place of a namespace must not hang us before it is judged */
        autofd fd = open(ns->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

        if (fd < 0)
                return err_sys(e, "config.json: %s.path: cannot open '%s'", where, ns->path);
        /* also an answer from a device, whose number happens to be this one, must be our flag */
        if (ioctl(fd, NS_GET_NSTYPE) != kinds_of[kind].flag)
                return err_set(e, EINVAL, "config.json: %s.path: '%s' is not a %s namespace", where,
                               ns->path, kinds_of[kind].name);
        *ret = fd_take(&fd);
        return 0;
}

static bool is_our_user(int fd)
{
        struct stat its;
        struct stat ours;

        return fstat(fd, &its) == 0 && stat("/proc/self/ns/user", &ours) == 0 &&
               its.st_ino == ours.st_ino && its.st_dev == ours.st_dev;
}

/* To move one takes CAP_NET_ADMIN over the network that it is in, which a user's engine has not. */
static int refuse_net_devices(const struct bundle *b, struct err *e)
{
        if (b->n_net_devices == 0)
                return 0;
        err_set(e, EPERM, "%s: network devices cannot be moved without root",
                b->net_devices[0].where);
        return err_hint(e, "the engine's network (slirp4netns, pasta) is what containers have");
}

int spaces_open(const struct bundle *b, struct spaces *ret, struct err *e)
{
        if (refuse_net_devices(b, e) < 0)
                return -e->code;
        for (size_t i = 0; i < BUNDLE_N_NS; i++) {
                const struct bundle_namespace *ns = &b->ns[i];

                ret->is_new[i] = ns->is_asked && !ns->path;
                if (ns->is_asked && ns->path &&
                    open_one(ns, (enum bundle_ns)i, &ret->join[i], e) < 0)
                        return -e->code;
        }
        int *user = &ret->join[BUNDLE_NS_USER];
        if (*user >= 0 && is_our_user(*user))
                fd_close(user);
        return 0;
}

bool spaces_have_others(const struct spaces *s)
{
        for (size_t i = 0; i < BUNDLE_N_NS; i++) {
                if (i != BUNDLE_NS_USER && s->join[i] >= 0)
                        return true;
        }
        return false;
}

static int join_one(struct spaces *s, enum bundle_ns kind, struct err *e)
{
        if (setns(s->join[kind], kinds_of[kind].flag) < 0)
                return err_sys(e, "cannot join the %s namespace of linux.namespaces",
                               kinds_of[kind].name);
        fd_close(&s->join[kind]);
        return 0;
}

int spaces_join_user(struct spaces *s, struct err *e)
{
        return s->join[BUNDLE_NS_USER] >= 0 ? join_one(s, BUNDLE_NS_USER, e) : 0;
}

int spaces_join(struct spaces *s, bool is_early, struct err *e)
{
        for (size_t i = 0; i < sizeof(join_order) / sizeof(join_order[0]); i++) {
                enum bundle_ns kind = join_order[i];

                if (s->join[kind] < 0 || join_one(s, kind, e) == 0)
                        continue;
                if (!is_early || e->code != EPERM)
                        return -e->code;
                *e = (struct err){ 0 };
        }
        return 0;
}

int spaces_unshare(const struct spaces *s, unsigned kinds, struct err *e)
{
        char names[80] = "";
        size_t used = 0;
        int flags = 0;

        for (size_t i = 0; i < BUNDLE_N_NS; i++) {
                if (!s->is_new[i] || !(kinds & 1u << i))
                        continue;
                flags |= kinds_of[i].flag;
                used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
                                         used ? ", " : "", kinds_of[i].name);
        }
        if (flags == 0 || unshare(flags) == 0)
                return 0;
        return err_sys(e, "cannot make the namespaces: %s", names);
}
