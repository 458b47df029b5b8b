#include "join.h"

#include "box.h"
#include "exec.h"
#include "fd.h"
#include "limit-tier.h"
#include "payload.h"
#include "rights.h"
#include "rlimits.h"
#include "step.h"
#include "streams.h"
#include "sync.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct kind {
        enum run_namespace ns;
        int flag;
        const char *name;
};

static int enter_one(const struct join *j, const struct kind *kind, struct err *e)
{
        int fd = j->entry->namespaces[kind->ns];

        if (kind->ns == RUN_NS_NET && j->plan->net.mode == PLAN_NETWORK_HOST)
                return 0;
        if (setns(fd, kind->flag) < 0)
                return err_sys(e, "cannot enter the %s namespace of the sandbox", kind->name);
        return 0;
}

/*
 * The read-only mounts are made where the files still have their names, with the rights that the
 * sandbox's user namespace gives: in a copy of the host's mounts that nobody else sees.
 */
static int confine_streams(const struct join *j, struct err *e)
{
        if (!streams_need_it(j->plan))
                return 0;
        if (unshare(CLONE_NEWNS) < 0)
                return err_sys(e, "cannot make a mount namespace for the command's streams");
        return streams_confine(j->plan, e);
}

int join_enter(const struct join *j, struct err *e)
{
        static const struct kind user = { RUN_NS_USER, CLONE_NEWUSER, "user" };
        static const struct kind others[] = {
                { RUN_NS_IPC, CLONE_NEWIPC, "ipc" },
                { RUN_NS_UTS, CLONE_NEWUTS, "uts" },
                { RUN_NS_NET, CLONE_NEWNET, "network" },
                { RUN_NS_CGROUP, CLONE_NEWCGROUP, "cgroup" },
                { RUN_NS_PID, CLONE_NEWPID, "pid" },
                /* last: it takes the host's names away */
                { RUN_NS_MOUNT, CLONE_NEWNS, "mount" },
        };

        e->step = STEP_NAMESPACES;
        if (enter_one(j, &user, e) < 0)
                return -e->code;
        e->step = STEP_STREAMS;
        if (confine_streams(j, e) < 0)
                return -e->code;
        e->step = STEP_NAMESPACES;
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
                if (enter_one(j, &others[i], e) < 0)
                        return -e->code;
        }
        return 0;
}

static int bind_life(struct box *b, struct err *e)
{
        return proc_die_with(b->joiner, e);
}

/* Nothing of the joiner's but what the steps need, which goes at exec. */
static int drop_descriptors(struct box *b, struct err *e)
{
        int keep[3];
        size_t n = 0;

        if (b->rules >= 0)
                keep[n++] = b->rules;
        keep[n++] = b->joiner;
        keep[n++] = b->sock;
        fd_sort(keep, n);
        return fd_close_others(keep, n, e);
}

static int open_terminal(struct box *b, struct err *e)
{
        return tty_open_own(b->plan, &b->tty, &b->pty_master, e);
}

static int find_identity(struct box *b, struct err *e)
{
        if (identity_find(b->plan, b->launch->maps, &b->identity, e) < 0)
                return -e->code;
        return tty_set_owner(&b->tty, b->identity.uid, e);
}

static int leave_keyring(struct box *b, struct err *e)
{
        (void)b;
        return rights_leave_keyring(e);
}

static int drop_bounding(struct box *b, struct err *e)
{
        if (rights_drop_bounding(&b->plan->confine, e) < 0 ||
            rights_check_bounding(&b->plan->confine, e) < 0)
                return -e->code;
        return rights_no_new_privs(e);
}

static int tell_ready(struct box *b, struct err *e)
{
        if (sync_send(b->sock, SYNC_READY, (int)b->tty.on_pty, &b->pty_master,
                      b->pty_master >= 0 ? 1 : 0, e) < 0)
                return -e->code;
        fd_close(&b->pty_master);
        return 0;
}

typedef int step_fn(struct box *b, struct err *e);

struct join_step {
        enum step step;
        step_fn *run;
};

/* What pid 1 does before it forks the payload, as far as it is not of the whole sandbox. */
static const struct join_step join_steps[] = {
        /* first: whatever comes later must not outlive the joiner */
        { STEP_BIND_LIFE, bind_life },
        /* before any name of the sandbox is followed, which might lead to one */
        { STEP_DESCRIPTORS, drop_descriptors },
        /* starts the session, so that no signal of the user's terminal comes here */
        { STEP_TERMINAL, open_terminal },
        /* of the sandbox's own passwd, as it is now */
        { STEP_IDENTITY, find_identity },
        { STEP_KEYRING, leave_keyring },
        /* needs CAP_SETPCAP, which the change to the user takes */
        { STEP_BOUNDING, drop_bounding },
        { STEP_GO, tell_ready },
};

/* From here on the steps are the payload's. */
static _Noreturn void command_main(struct box *b)
{
        struct exec_image image;
        struct err e = { 0 };

        for (size_t i = 0; i < sizeof(join_steps) / sizeof(join_steps[0]); i++) {
                e.step = join_steps[i].step;
                if (join_steps[i].run(b, &e) < 0)
                        break;
        }
        if (e.code == 0) {
                e.step = STEP_START;
                if (exec_prepare(b->plan, b->identity.home, &image, &e) == 0)
                        payload_become(b, b->sock, &image);
        }
        sync_send_failed(b->sock, &e);
        _exit(1);
}

void join_done(const struct join *j, struct joined *c)
{
        pid_t pid = c->child.pid;
        siginfo_t si;

        proc_kill_child(&c->child);
        /* what could not be reaped here is left to the supervisor: the sandbox waits for it to go */
        if (pid > 0 && waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG | WNOWAIT) < 0)
                __atomic_store_n(&j->children->command, 0, __ATOMIC_SEQ_CST);
        fd_close(&c->pipe);
        fd_close(&c->pty_master);
}

/* As fork(2); the kernel has written the pid to `where` before anybody can see an end of it. */
static pid_t fork_noted(pid_t *where)
{
        struct clone_args args = {
                .flags = CLONE_PARENT_SETTID,
                .parent_tid = (uintptr_t)where,
                .exit_signal = SIGCHLD,
        };

        return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

/* As the kernel refuses it, whether by RLIMIT_NPROC or for a cgroup. */
static int fail_to_start(const struct plan *p, struct err *e)
{
        err_sys(e, "cannot start the command");
        if (e->code != EAGAIN || p->limits.processes == 0)
                return -e->code;
        return err_hint(e,
                        "the sandbox may have %llu processes at a time, which kelp stats counts; "
                        "--pids-limit allows more when it is started",
                        (unsigned long long)p->limits.processes);
}

/*
 * The limit that the command sets for itself holds for what it starts: the kernel looks when a
 * process is born.  So this one has it for that moment; beside the command it counts pid 1 and this
 * process.  Not for longer: join_is_over() tells by a birth, too.
 */
static int fork_command(const struct join *j, pid_t *ret, struct err *e)
{
        bool is_counted = j->launch->tiers->processes == LIMIT_SAMPLED;
        struct rlimit before;

        if (is_counted && rlimits_lower_processes(j->plan->limits.processes + 2, &before, e) < 0)
                return -e->code;
        *ret = fork_noted(&j->children->command);
        if (*ret == 0)
                return 0;
        if (*ret < 0)
                fail_to_start(j->plan, e);
        if (is_counted && rlimits_restore_processes(&before, e) < 0)
                return -e->code;
        return *ret < 0 ? -e->code : 0;
}

static int await_ready(const struct join *j, struct joined *c, struct err *e)
{
        size_t n_fds = tty_streams(j->plan) ? 1 : 0;
        int on_pty = 0;

        if (sync_await(c->pipe, SYNC_READY, &on_pty, &c->pty_master, n_fds, "the command", e) < 0)
                return -e->code;
        c->on_pty = (unsigned)on_pty;
        return 0;
}

int join_start(const struct join *j, struct joined *ret, struct err *e)
{
        /* the plan of one command, and no observer: it is refused what the payload asks for */
        struct launch l = *j->launch;
        struct box b = {
                .launch = &l,
                .plan = j->plan,
                .umask = j->umask,
                .stage = -1,
                .launcher_pidfd = -1,
                .proc = -1,
                .memory_fs = -1,
                .build = BUILD_NONE,
                .tty = TTY_NONE,
                .pty_master = -1,
                .rules = j->entry->rules,
        };
        struct joined c = JOINED_NONE;
        autofd self = proc_pidfd(getpid(), e);

        l.watch = NULL;
        b.joiner = self;
        e->step = STEP_START;
        if (self < 0)
                return -e->code;
        if (fd_socketpair(&c.pipe, &b.sock, e) < 0)
                return -e->code;
        bool is_born = fork_command(j, &c.child.pid, e) == 0;
        if (is_born && c.child.pid == 0)
                command_main(&b);
        fd_close(&b.sock);
        if (is_born)
                c.child.pidfd = proc_pidfd(c.child.pid, e);
        if (c.child.pidfd < 0 || await_ready(j, &c, e) < 0) {
                join_done(j, &c);
                return -e->code;
        }
        *ret = c;
        return 0;
}

/* The kernel has none born there once pid 1 is on its way out: fork(2), ENOMEM. */
bool join_is_over(const struct join *j)
{
        pid_t pid = fork_noted(&j->children->probe);
        int status;

        if (pid == 0)
                _exit(0);
        if (pid < 0)
                return errno == ENOMEM;
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                continue;
        __atomic_store_n(&j->children->probe, 0, __ATOMIC_SEQ_CST);
        return false;
}
