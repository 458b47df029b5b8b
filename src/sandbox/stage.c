#include "stage.h"

#include "box.h"
#include "fd.h"
#include "step.h"
#include "sync.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int await_maps(int sock, struct err *e)
{
        e->step = STEP_ID_MAPS;
        if (sync_await(sock, SYNC_MAPPED, NULL, NULL, 0, "the launcher", e) < 0)
                return -e->code;
        /* the launcher is done with our /proc; nobody else shall look into it */
        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
                return err_sys(e, "cannot become undumpable");
        return 0;
}

static int make_namespaces(const struct plan *p, struct err *e)
{
        int flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

        e->step = STEP_NAMESPACES;
        if (p->net.mode != PLAN_NETWORK_HOST)
                flags |= CLONE_NEWNET;
        if (unshare(flags) < 0)
                return err_sys(e, "cannot create the mount, pid, network, ipc, uts and cgroup "
                                  "namespaces");
        return 0;
}

/* The network helper enters by these; it could not open them of an undumpable process. */
static int open_namespaces(const struct plan *p, int *fds, struct err *e)
{
        if (p->net.mode != PLAN_NETWORK_USER)
                return 0;
        fds[0] = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        fds[1] = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
        if (fds[0] < 0 || fds[1] < 0)
                return err_sys(e, "cannot open the new namespaces");
        return 2;
}

static int stage_run(const struct launch *l, int sock, int launcher_pidfd, struct err *e)
{
        struct clone_args args = { .flags = CLONE_PARENT };
        int fds[2] = { -1, -1 };

        if (await_maps(sock, e) < 0 || make_namespaces(l->plan, e) < 0)
                return -e->code;
        int n_fds = open_namespaces(l->plan, fds, e);
        if (n_fds < 0)
                return -e->code;
        e->step = STEP_CLONE_INIT;
        pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
        if (pid < 0)
                return err_sys(e, "cannot create pid 1 of the sandbox");
        if (pid == 0) {
                fd_close(&fds[0]);
                fd_close(&fds[1]);
                box_main(l, sock, launcher_pidfd);
        }
        return sync_send(sock, SYNC_CLONED, pid, fds, (size_t)n_fds, e);
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
