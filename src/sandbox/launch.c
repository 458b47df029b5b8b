#include "launch.h"

#include "fd.h"
#include "io.h"
#include "stage.h"
#include "step.h"
#include "sync.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * The launcher's side of sync.h.  The user namespace comes first and alone: its maps are written
 * before any other namespace exists, so that all the others belong to a namespace whose ids are
 * known.
 */

/* Stands until the step is over; what fails in between bears its name. */
static int fail_at(enum step step, struct err *e)
{
        if (e->step == STEP_NONE)
                e->step = step;
        return -e->code;
}

static pid_t clone_stage(struct err *e)
{
        /* what the caller of kelp ignored is none of the sandbox's business: Linux 5.5 */
        struct clone_args args = { .flags = CLONE_NEWUSER | CLONE_CLEAR_SIGHAND,
                                   .exit_signal = SIGCHLD };
        pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

        if (pid < 0)
                return err_sys(e, "cannot create a user namespace");
        return pid;
}

/* The stage's job ends with pid 1 in the world. */
static int reap_stage(struct child *stage, struct err *e)
{
        int status = 0;

        if (proc_wait(stage, &status, e) < 0)
                return -e->code;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                return err_set(e, EPROTO, "the stage of the launch ended with status %d",
                               proc_exit_code(status));
        return 0;
}

static int await_init(struct run *r, struct err *e)
{
        int pid = 0;

        if (sync_await(r->sock, SYNC_CLONED, &pid, NULL, 0, "the stage", e) < 0)
                return -e->code;
        r->init.pid = pid;
        r->init.pidfd = proc_pidfd(pid, e);
        return r->init.pidfd < 0 ? -e->code : 0;
}

/* What the network helper needs comes from the stage; pid 1 does not speak before it is ready. */
static int await_network(const struct plan *p, struct run *r, struct err *e)
{
        int fds[2] = { -1, -1 };

        if (p->net.mode != PLAN_NETWORK_USER)
                return 0;
        if (sync_await(r->sock, SYNC_NETNS, NULL, fds, 2, "the stage", e) < 0)
                return -e->code;
        r->netns = fds[0];
        r->userns = fds[1];
        return 0;
}

static int write_maps(const struct launch *l, struct run *r, pid_t stage, struct err *e)
{
        if (userns_write_maps(stage, l->maps, e) < 0)
                return -e->code;
        return sync_send(r->sock, SYNC_MAPPED, 0, NULL, 0, e);
}

static int open_sockets(struct run *r, int *ret_far, struct err *e)
{
        int ends[2];

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
                return err_sys(e, "cannot make a socket pair");
        r->sock = ends[0];
        *ret_far = ends[1];
        return 0;
}

int launch_start(const struct launch *l, struct run *ret, struct err *e)
{
        autofd self = proc_pidfd(getpid(), e);
        autofd far = -1;
        autochild stage = CHILD_NONE;

        if (self < 0 || open_sockets(ret, &far, e) < 0)
                return fail_at(STEP_USERNS, e);
        stage.pid = clone_stage(e);
        if (stage.pid == 0)
                stage_main(l, far, ret->sock, self);
        if (stage.pid < 0)
                return fail_at(STEP_USERNS, e);
        fd_close(&far);

        if (write_maps(l, ret, stage.pid, e) < 0)
                return fail_at(STEP_ID_MAPS, e);
        if (await_init(ret, e) < 0)
                return fail_at(STEP_NAMESPACES, e);
        if (await_network(l->plan, ret, e) < 0)
                return fail_at(STEP_NETNS, e);
        ret->stage = stage;
        stage = (struct child)CHILD_NONE;
        return 0;
}

unsigned launch_pty_streams(const struct plan *p)
{
        unsigned streams = 0;

        if (p->exec.force_tty)
                return 7;
        for (int fd = 0; fd <= 2; fd++) {
                if (isatty(fd))
                        streams |= 1u << fd;
        }
        return streams;
}

int launch_await_ready(const struct plan *p, struct run *r, struct err *e)
{
        size_t n_fds;

        r->on_pty = launch_pty_streams(p);
        n_fds = r->on_pty ? 1 : 0;
        if (sync_await(r->sock, SYNC_READY, NULL, &r->pty_master, n_fds, "pid 1", e) < 0)
                return fail_at(STEP_ROOT, e);
        /* it has given the network to pid 1, which would not be ready otherwise */
        if (reap_stage(&r->stage, e) < 0)
                return fail_at(STEP_CLONE_INIT, e);
        return 0;
}

int launch_go(struct run *r, struct err *e)
{
        if (sync_send(r->sock, SYNC_GO, 0, NULL, 0, e) < 0 ||
            sync_await(r->sock, SYNC_STARTED, NULL, NULL, 0, "pid 1", e) < 0)
                return fail_at(STEP_START, e);
        return 0;
}
