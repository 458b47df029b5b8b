#include "launch.h"

#include "fd.h"
#include "hooks.h"
#include "io.h"
#include "mem.h"
#include "mount.h"
#include "newmount.h"
#include "proc.h"
#include "stage.h"
#include "talk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * The launcher's side of talk.h.
 *
 * What a container has of the host crosses as descriptors: the sockets of the terminal and of seccomp are
 * connected here, and the one that `start` speaks to is bound here, for first is elsewhere when it needs
 * them.  What the launcher is killed in the middle of leaves nothing behind: first dies with it until
 * everything about it is written down.
 */

/* So many may ask at once whether a container still waits for `start`. */
#define BACKLOG 16

struct made {
        struct child stage;
        struct child first;
};

static void launch_done(struct launch *l)
{
        spaces_done(&l->spaces);
        fd_close(&l->sock);
        fd_close(&l->far);
        fd_close(&l->self);
        fd_close(&l->listener);
        fd_close(&l->console);
        fd_close(&l->seccomp);
}

/* ------ before the first process ------ */

/* An address has 107 bytes, and a path any number. */
int launch_fill_address(struct sockaddr_un *ret, int dir, const char *name, struct err *e)
{
        int n = snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/%s", dir, name);

        ret->sun_family = AF_UNIX;
        if (n < 0 || (size_t)n >= sizeof(ret->sun_path))
                return err_set(e, ENAMETOOLONG, "the name of the socket '%.100s' is too long",
                               name);
        return 0;
}

static int connect_console(const char *path, int *ret, struct err *e)
{
        struct sockaddr_un address = { 0 };
        autofd file = open(path, O_PATH | O_CLOEXEC);
        autofd sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (file < 0)
                return err_sys(e, "cannot open the console socket '%s'", path);
        if (sock < 0)
                return err_sys(e, "cannot make a socket");
        address.sun_family = AF_UNIX;
        snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", file);
        if (connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0)
                return err_sys(e, "cannot connect to the console socket '%s'", path);
        *ret = fd_take(&sock);
        return 0;
}

static int open_console(const struct launch_spec *spec, int *ret, struct err *e)
{
        if (spec->console_socket)
                return connect_console(spec->console_socket, ret, e);
        if (spec->console < 0)
                return 0;
        *ret = fcntl(spec->console, F_DUPFD_CLOEXEC, 3);
        return *ret < 0 ? err_sys(e, "cannot copy a descriptor") : 0;
}

static int listen_for_start(int dir, int *ret, struct err *e)
{
        struct sockaddr_un address = { 0 };
        autofd sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

        if (sock < 0)
                return err_sys(e, "cannot make a socket");
        if (launch_fill_address(&address, dir, "start", e) < 0)
                return -e->code;
        if (bind(sock, (struct sockaddr *)&address, sizeof(address)) < 0 ||
            listen(sock, BACKLOG) < 0)
                return err_sys(e, "cannot listen on the socket 'start' of the container");
        *ret = fd_take(&sock);
        return 0;
}

static int open_all(struct launch *l, struct err *e)
{
        const struct launch_spec *spec = l->spec;
        const struct bundle *b = spec->bundle;

        if (ids_choose(b, spec->notice, &l->ids, e) < 0 || spaces_open(b, &l->spaces, e) < 0)
                return -e->code;
        l->spaces.is_new[BUNDLE_NS_USER] = l->ids.kind == IDS_NEW;
        l->joins_first = l->ids.kind == IDS_NEW && spaces_have_others(&l->spaces);
        if (l->joins_first)
                l->ids.has_caller_root = false;
        l->is_shared = l->spaces.join[BUNDLE_NS_USER] >= 0 || l->spaces.join[BUNDLE_NS_PID] >= 0;
        if (open_console(spec, &l->console, e) < 0)
                return -e->code;
        if (spec->profile->has_listener && profile_connect(b, &l->seccomp, e) < 0)
                return -e->code;
        if (!spec->ret_sock && listen_for_start(spec->container->dir, &l->listener, e) < 0)
                return -e->code;
        l->self = proc_pidfd(getpid(), e);
        if (l->self < 0)
                return -e->code;
        cpu_choose(&l->cpus);
        return fd_socketpair(&l->sock, &l->far, e);
}

/* ------ the conversation ------ */

/* Whoever is gone has said why before, and that is heard next. */
static int tell(const struct launch *l, enum talk_type type, int value, struct err *e)
{
        if (talk_send(l->sock, type, value, -1, e) == 0)
                return 0;
        if (e->code != EPIPE && e->code != ECONNRESET)
                return -e->code;
        *e = (struct err){ 0 };
        return 0;
}

/*
 * A directory that only an id may enter which the container has not: its first process asks for a copy of
 * what is behind it.  We have it as the caller has; without root of a namespace nobody may copy a mount.
 */
static int lend_source(const struct launch *l, int index, struct err *e)
{
        /* as with all mounts of ours that the container's namespace has: what it mounts is not for us */
        const struct mount_attr attr = { .propagation = MS_SLAVE };
        const struct bundle *b = l->spec->bundle;
        struct err why = { 0 };

        if (index < 0 || (size_t)index >= b->n_mounts || !b->mounts[index].is_bind)
                return err_set(e, EPROTO, "the launch asks for the source of no bind");
        const struct bundle_mount *m = &b->mounts[index];
        autofd mount = mount_copy(AT_FDCWD, m->source, m->is_recursive, &why);
        if (mount >= 0 && newmount_change(mount, &attr, true, &why) == 0)
                return talk_send(l->sock, TALK_MOUNT, 0, mount, e);
        talk_send_failed(l->sock, &why);
        return 0;
}

static int await(const struct launch *l, enum talk_type type, int *ret_value, struct err *e)
{
        int value;
        int r;

        do {
                r = talk_await_or(l->sock, type, TALK_SOURCE, "the first process of the container",
                                  l->spec->notice, &value, e);
                if (r > 0 && lend_source(l, value, e) < 0)
                        return -e->code;
        } while (r > 0);
        if (r == 0 && ret_value)
                *ret_value = value;
        return r;
}

/*
 * Born in its cgroup (Linux 5.7) where the caller may put it there from where he is; else it is moved
 * before it does anything.
 */
static pid_t clone_stage(struct launch *l, bool in_group)
{
        const struct group *group = l->spec->group;
        /* what our caller ignored is none of the container's business: Linux 5.5 */
        struct clone_args args = { .flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD };

        /* a namespace of cgroups begins where its maker is */
        l->is_early = l->ids.has_caller_root && (in_group || !group->path);
        if (l->ids.kind == IDS_NEW && !l->joins_first)
                args.flags |= CLONE_NEWUSER;
        if (in_group) {
                args.flags |= CLONE_INTO_CGROUP;
                args.cgroup = (uint64_t)group->dir;
        }
        return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

static int make_stage(struct launch *l, struct made *made, bool *ret_is_in_group, struct err *e)
{
        bool in_group = l->spec->group->dir >= 0;
        pid_t pid = clone_stage(l, in_group);

        if (pid < 0 && in_group) {
                in_group = false;
                pid = clone_stage(l, in_group);
        }
        if (pid == 0)
                stage_main(l);
        if (pid < 0)
                return err_sys(e, l->ids.kind == IDS_NEW ? "cannot create a user namespace"
                                                         : "cannot create a process");
        made->stage.pid = pid;
        *ret_is_in_group = in_group;
        return cpu_put_apart(&l->cpus, pid, e);
}

/* One for each who waits.  The stage of a new network has taken its own before first hears from it. */
static int tell_mapped(const struct launch *l, struct err *e)
{
        if (l->is_early && l->spaces.is_new[BUNDLE_NS_NETWORK] && tell(l, TALK_MAPPED, 0, e) < 0)
                return -e->code;
        return tell(l, TALK_MAPPED, 0, e);
}

/* Of who has ended nothing can be mapped, and why it has is said already. */
static int prefer_theirs(const struct launch *l, struct made *made, struct err *e)
{
        struct err unused = { 0 };
        struct talk_msg msg;
        int fd = -1;

        while (io_wait(l->sock, 0) > 0 &&
               talk_receive(l->sock, l->spec->notice, &msg, &fd, &unused) > 0) {
                fd_close(&fd);
                if (msg.type == TALK_CLONED)
                        made->first.pid = msg.value;
                if (msg.type == TALK_FAILED)
                        *e = msg.err;
        }
        return -e->code;
}

static int start_stage(struct launch *l, struct made *made, struct err *e)
{
        const struct group *group = l->spec->group;
        bool is_in_group = false;

        if (make_stage(l, made, &is_in_group, e) < 0)
                return -e->code;
        fd_close(&l->far);
        fd_close(&l->listener);
        if (l->joins_first && await(l, TALK_UNSHARED, NULL, e) < 0)
                return -e->code;
        if (!is_in_group && group->path && group_add(group, made->stage.pid, e) < 0)
                return -e->code;
        if (l->ids.kind == IDS_NEW && ids_write(&l->ids, made->stage.pid, e) < 0)
                return prefer_theirs(l, made, e);
        return tell_mapped(l, e);
}

static int await_first(const struct launch *l, struct made *made, struct err *e)
{
        struct container *c = l->spec->container;
        int pid = 0;

        if (await(l, TALK_CLONED, &pid, e) < 0)
                return -e->code;
        made->first.pid = pid;
        int r = proc_start_time(pid, &c->start_time);
        if (r < 0)
                return err_set(e, -r, "cannot see when process %d was started: %s", pid,
                               err_name(-r));
        c->pid = pid;
        /* whoever holds no lock looks at it in vain until we give ours back */
        return container_write(c, e);
}

static int run_hooks(const struct launch *l, struct err *e)
{
        const struct bundle *b = l->spec->bundle;
        autofree char *state = NULL;

        if (!launch_has_outer_hooks(b))
                return 0;
        /* hooks were always told "created" here; the conformance suite and crun hold to that */
        if (await(l, TALK_BUILT, NULL, e) < 0 ||
            container_print_state(l->spec->container, CONTAINER_CREATED, &state, e) < 0 ||
            hooks_run(b, BUNDLE_HOOK_PRESTART, state, e) < 0 ||
            hooks_run(b, BUNDLE_HOOK_CREATE_RUNTIME, state, e) < 0)
                return -e->code;
        return tell(l, TALK_GO, 0, e);
}

/* The stage's job ends with first in the world and in its network. */
static int reap_stage(struct made *made, struct err *e)
{
        int status = 0;

        if (proc_wait(&made->stage, &status, e) < 0)
                return -e->code;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                return err_set(e, EPROTO, "the stage of the launch ended with status %d",
                               proc_exit_code(status));
        return 0;
}

static int converse(struct launch *l, struct made *made, struct err *e)
{
        if (start_stage(l, made, e) < 0 || l->spec->meanwhile(l->spec->user, e) < 0 ||
            await_first(l, made, e) < 0 || run_hooks(l, e) < 0 ||
            await(l, TALK_READY, NULL, e) < 0 || reap_stage(made, e) < 0 ||
            talk_send(l->sock, TALK_KEEP, made->first.pid, -1, e) < 0)
                return -e->code;
        if (l->spec->ret_sock)
                *l->spec->ret_sock = fd_take(&l->sock);
        return 0;
}

/* First may have said why it ends before the stage could say that there is one. */
static void hear_of_first(const struct launch *l, struct made *made)
{
        struct talk_msg msg;
        struct err unused = { 0 };
        int fd = -1;

        if (l->sock < 0 || made->stage.pid == 0)
                return;
        /* whoever waits for a message now does so in vain, and ends */
        shutdown(l->sock, SHUT_WR);
        while (made->first.pid == 0 && talk_receive(l->sock, NULL, &msg, &fd, &unused) > 0) {
                fd_close(&fd);
                if (msg.type == TALK_CLONED)
                        made->first.pid = msg.value;
        }
}

int launch_create(const struct launch_spec *spec, struct err *e)
{
        struct launch l = LAUNCH_NONE;
        struct made made = { .stage = CHILD_NONE, .first = CHILD_NONE };
        int r;

        l.spec = spec;
        r = open_all(&l, e);
        if (r == 0)
                r = converse(&l, &made, e);
        if (r < 0) {
                hear_of_first(&l, &made);
                proc_kill_child(&made.first);
                proc_kill_child(&made.stage);
                spec->container->pid = 0;
        }
        launch_done(&l);
        return r;
}

void launch_kill(const struct container *c)
{
        struct child first = { .pid = c->pid, .pidfd = -1 };

        proc_kill_child(&first);
}
