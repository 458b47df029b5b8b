#include "stage.h"

#include "box.h"
#include "fd.h"
#include "filter.h"
#include "net.h"
#include "step.h"
#include "sync.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A copy of a lock would keep it when the launcher is gone, and none of it is pid 1's business. */
static void drop_hold(const struct launch *l)
{
        struct image_hold own = *l->hold;

        image_hold_done(&own);
        if (l->watch)
                close(l->watch->far);
}

/* What needs no map is done while the launcher writes them. */
static int await_maps(const struct launch *l, int sock, int launcher_pidfd, struct err *e)
{
        e->step = STEP_USERNS;
        /* also when it is stopped: then it would not see the end of the conversation */
        if (proc_die_with(launcher_pidfd, e) < 0)
                return -e->code;
        drop_hold(l);
        /* what the caller of kelp ignored or blocked is none of the sandbox's business */
        if (proc_reset_signals(e) < 0)
                return -e->code;
        e->step = STEP_ID_MAPS;
        if (sync_await(sock, SYNC_MAPPED, NULL, NULL, 0, "the launcher", e) < 0)
                return -e->code;
        /* the launcher is done with our /proc; nobody else shall look into it */
        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
                return err_sys(e, "cannot become undumpable");
        return 0;
}

static int make_namespaces(struct err *e)
{
        e->step = STEP_NAMESPACES;
        if (unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP) < 0)
                return err_sys(e, "cannot create the mount, pid, ipc, uts and cgroup namespaces");
        return 0;
}

/* The network helper enters by these; it could not open them of an undumpable process. */
static int give_to_launcher(int sock, int ns_dir, int netns, struct err *e)
{
        autofd userns = openat(ns_dir, "user", O_RDONLY | O_CLOEXEC);

        if (userns < 0)
                return err_sys(e, "cannot open the user namespace");
        int fds[] = { netns, userns };
        return sync_send(sock, SYNC_NETNS, 0, fds, 2, e);
}

/*
 * Whoever enters the sandbox later does it by these.  They are the stage's, which has made them all:
 * the launcher could not open those of a process that is undumpable.
 */
static int give_entry(const struct plan *p, int sock, int ns_dir, int netns, struct err *e)
{
        static const char *const names[RUN_NS_NET] = { "user", "mnt", "pid_for_children",
                                                       "ipc",  "uts", "cgroup" };
        int fds[RUN_NS_COUNT];
        size_t n = 0;
        int r = 0;

        while (n < RUN_NS_NET && r == 0) {
                fds[n] = openat(ns_dir, names[n], O_RDONLY | O_CLOEXEC);
                if (fds[n] < 0)
                        r = err_sys(e, "cannot open the namespace 'ns/%s'", names[n]);
                else
                        n++;
        }
        bool has_own = p->net.mode != PLAN_NETWORK_HOST;
        fds[RUN_NS_NET] = netns;
        if (r == 0)
                r = sync_send(sock, SYNC_ENTRY, 0, fds, n + has_own, e);
        while (n > 0)
                close(fds[--n]);
        return r;
}

/* Beside pid 1, which is building the root meanwhile. */
static int make_network(const struct plan *p, int sock, int ns_dir, int to_init, struct err *e)
{
        e->step = STEP_NETNS;
        /* pid 1 must not be heard of before the launcher knows of it */
        if (p->net.mode == PLAN_NETWORK_HOST) {
                if (sync_send(to_init, SYNC_NETNS, 0, NULL, 0, e) < 0)
                        return -e->code;
                return give_entry(p, sock, ns_dir, -1, e);
        }
        if (unshare(CLONE_NEWNET) < 0)
                return err_sys(e, "cannot create the network namespace");
        e->step = STEP_LOOPBACK;
        if (net_set_loopback_up(e) < 0)
                return -e->code;
        autofd netns = openat(ns_dir, "net", O_RDONLY | O_CLOEXEC);
        if (netns < 0)
                return err_sys(e, "cannot open the new network namespace");
        /* the launcher first: pid 1 must not be the one that it hears next */
        bool has_helper = p->net.mode == PLAN_NETWORK_USER || p->net.mode == PLAN_NETWORK_FILTERED;
        if (has_helper && give_to_launcher(sock, ns_dir, netns, e) < 0)
                return -e->code;
        if (sync_send(to_init, SYNC_NETNS, 0, &netns, 1, e) < 0)
                return -e->code;
        /* nobody waits for that */
        return give_entry(p, sock, ns_dir, netns, e);
}

static int stage_run(const struct launch *l, int sock, int launcher_pidfd, struct err *e)
{
        struct clone_args args = { .flags = CLONE_PARENT };
        autofd to_init = -1;
        autofd to_stage = -1;

        if (await_maps(l, sock, launcher_pidfd, e) < 0 || make_namespaces(e) < 0 ||
            fd_socketpair(&to_init, &to_stage, e) < 0)
                return -e->code;
        /* pid 1 shares our mount namespace: once it pivots there is no /proc by that name here */
        autofd ns_dir = open("/proc/self/ns", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (ns_dir < 0)
                return err_sys(e, "cannot open '/proc/self/ns'");

        e->step = STEP_CLONE_INIT;
        pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
        if (pid < 0)
                return err_sys(e, "cannot create pid 1 of the sandbox");
        if (pid == 0) {
                fd_close(&to_init);
                fd_close(&ns_dir);
                box_main(l, sock, to_stage, launcher_pidfd);
        }
        fd_close(&to_stage);
        if (sync_send(sock, SYNC_CLONED, pid, NULL, 0, e) < 0 ||
            cpu_put_apart(&l->cpus, pid, e) < 0)
                return -e->code;
        return make_network(l->plan, sock, ns_dir, to_init, e);
}

_Noreturn void stage_main(const struct launch *l, int sock, int far, int launcher_pidfd)
{
        struct err e = { 0 };

        fd_close(&far);
        if (stage_run(l, sock, launcher_pidfd, &e) < 0) {
                sync_send_failed(sock, &e);
                _exit(1);
        }
        _exit(0);
}
