#include "stage.h"

#include "become-limits.h"
#include "fd.h"
#include "first.h"
#include "io.h"
#include "net.h"
#include "proc.h"
#include "talk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * newuidmap and newgidmap take longer than all the rest, so first is born while they are at work: nothing
 * in these namespaces bears an id until something is made in them.  The network does, in /proc/net from
 * its birth; it takes longest, and is made beside first.
 */
static const unsigned all_kinds = 1u << BUNDLE_NS_MOUNT | 1u << BUNDLE_NS_IPC |
                                  1u << BUNDLE_NS_UTS | 1u << BUNDLE_NS_PID |
                                  1u << BUNDLE_NS_CGROUP | 1u << BUNDLE_NS_TIME;

static int set_dumpable(bool on, struct err *e)
{
        if (prctl(PR_SET_DUMPABLE, on, 0, 0, 0) < 0)
                return err_sys(e, "cannot change who may look at this process");
        return 0;
}

static int begin(const struct launch *l, struct err *e)
{
        sigset_t none;

        /* also when it is stopped: then it would not see the end of the conversation */
        if (proc_die_with(l->self, e) < 0)
                return -e->code;
        /* dispositions are the default ones since the clone */
        sigemptyset(&none);
        if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
                return err_sys(e, "cannot unblock the signals");
        /* the file is somebody else's once we may not be looked at, or have other ids */
        if (become_set_oom_score(l->spec->bundle, e) < 0)
                return -e->code;
        return l->is_shared ? set_dumpable(false, e) : 0;
}

/* Those of others that only the caller may join, with the rights that he has now. */
static int make_user_after(struct launch *l, struct err *e)
{
        if (spaces_join(&l->spaces, true, e) < 0 ||
            spaces_unshare(&l->spaces, 1u << BUNDLE_NS_USER, e) < 0)
                return -e->code;
        return talk_send(l->far, TALK_UNSHARED, 0, -1, e);
}

static int write_offsets(const struct bundle *b, struct err *e)
{
        char text[160];
        int n = 0;

        if (b->monotonic.is_set)
                n += snprintf(text, sizeof(text), "monotonic %" PRId64 " %" PRIu32 "\n",
                              b->monotonic.s, b->monotonic.ns);
        if (b->boottime.is_set)
                n += snprintf(text + n, sizeof(text) - (size_t)n,
                              "boottime %" PRId64 " %" PRIu32 "\n", b->boottime.s, b->boottime.ns);
        return n > 0 ? io_write_file(AT_FDCWD, "/proc/self/timens_offsets", text, e) : 0;
}

/* The file is root's as long as we may not be looked at. */
static int set_clocks(const struct launch *l, struct err *e)
{
        if (!l->spaces.is_new[BUNDLE_NS_TIME])
                return 0;
        if (l->is_shared && set_dumpable(true, e) < 0)
                return -e->code;
        if (write_offsets(l->spec->bundle, e) < 0)
                return err_prefix(e, "linux.timeOffsets");
        return l->is_shared ? set_dumpable(false, e) : 0;
}

/* What is made before root's ids are ours is the caller's own, and here these are the same. */
static int make_early(const struct launch *l, struct err *e)
{
        if (spaces_unshare(&l->spaces, all_kinds, e) < 0)
                return -e->code;
        return set_clocks(l, e);
}

static int await_maps(const struct launch *l, struct err *e)
{
        return talk_await(l->far, TALK_MAPPED, "the launcher", NULL, NULL, NULL, e);
}

static int make_namespaces(struct launch *l, struct err *e)
{
        if (l->is_early)
                return make_early(l, e);
        if (l->joins_first && make_user_after(l, e) < 0)
                return -e->code;
        if (spaces_join_user(&l->spaces, e) < 0 || await_maps(l, e) < 0 ||
            ids_enter(&l->ids, e) < 0)
                return -e->code;
        /* a change of ids has taken both away */
        if (proc_die_with(l->self, e) < 0 || set_dumpable(!l->is_shared, e) < 0)
                return -e->code;
        if (spaces_unshare(&l->spaces, all_kinds, e) < 0 || set_clocks(l, e) < 0)
                return -e->code;
        return spaces_join(&l->spaces, false, e);
}

/* As long as the maps are written they are ours: first lets go of us when it has heard that they are. */
static int await_first_mapped(int to_first, struct err *e)
{
        struct talk_msg msg = { 0 };
        autofd fd = -1;

        return talk_receive(to_first, NULL, &msg, &fd, e) < 0 ? -e->code : 0;
}

/* Beside first, which is building the root meanwhile. */
static int make_network(const struct launch *l, int ns_dir, int to_first, struct err *e)
{
        if (!l->spaces.is_new[BUNDLE_NS_NETWORK])
                return l->is_early ? await_first_mapped(to_first, e) : 0;
        if (l->is_early && await_maps(l, e) < 0)
                return -e->code;
        if (spaces_unshare(&l->spaces, 1u << BUNDLE_NS_NETWORK, e) < 0 ||
            net_set_loopback_up(e) < 0)
                return -e->code;
        autofd netns = openat(ns_dir, "net", O_RDONLY | O_CLOEXEC);
        if (netns < 0)
                return err_sys(e, "cannot open the new network namespace");
        return talk_send(to_first, TALK_NETWORK, 0, netns, e);
}

static int stage_run(struct launch *l, struct err *e)
{
        struct clone_args args = { .flags = CLONE_PARENT };
        autofd to_first = -1;
        autofd to_stage = -1;

        if (begin(l, e) < 0 || make_namespaces(l, e) < 0 ||
            fd_socketpair(&to_first, &to_stage, e) < 0)
                return -e->code;
        /* first shares our mount namespace: once it pivots there is no /proc by that name here */
        autofd ns_dir = open("/proc/self/ns", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (ns_dir < 0)
                return err_sys(e, "cannot open '/proc/self/ns'");

        pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
        if (pid < 0)
                return err_sys(e, "cannot create the first process of the container");
        if (pid == 0) {
                fd_close(&to_first);
                fd_close(&ns_dir);
                first_main(l, to_stage);
        }
        fd_close(&to_stage);
        /* first must not be heard of before the launcher knows of it */
        if (talk_send(l->far, TALK_CLONED, pid, -1, e) < 0 ||
            talk_send(to_first, TALK_CLONED, pid, -1, e) < 0 || cpu_put_apart(&l->cpus, pid, e) < 0)
                return -e->code;
        return make_network(l, ns_dir, to_first, e);
}

_Noreturn void stage_main(struct launch *l)
{
        struct err e = { 0 };

        fd_close(&l->sock);
        if (stage_run(l, &e) < 0) {
                talk_send_failed(l->far, &e);
                _exit(1);
        }
        _exit(0);
}
