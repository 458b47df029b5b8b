#include "first.h"

#include "become.h"
#include "fd.h"
#include "hooks.h"
#include "mem.h"
#include "proc.h"
#include "rootfs.h"
#include "talk.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <linux/close_range.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Whoever connects to `start` and says nothing is not waited for. */
#define SPEAK_S 2

/* Of the initial user namespace, in <linux/proc_ns.h> of the kernel alone. */
#define FIRST_USER_NS 0xEFFFFFFDu

struct first {
        struct launch *launch;
        const struct bundle *bundle;
        int sock; /* who hears of us: the launcher, later `start` */
        int from_stage;
        pid_t outer_pid; /* ours as the launcher has it */
        struct notice notice;
        struct rootfs_spec rootfs_spec;
        struct rootfs rootfs;
        struct become_spec become_spec;
        struct become become;
        bool is_finished; /* the root is as it will stay */
};

static void say(void *user, const char *text)
{
        const struct first *f = user;

        talk_send_notice(f->sock, text);
}

static void say_debug(void *user, const char *text)
{
        const struct first *f = user;

        talk_send_debug(f->sock, text);
}

/* ------ alone with what it needs ------ */

/* What is inherited for the command lies below, whatever else there is above. */
static int close_rest(unsigned from, int *keep, size_t n, struct err *e)
{
        fd_sort(keep, n);
        for (size_t i = 0; i <= n; i++) {
                unsigned to = i < n ? (unsigned)keep[i] : UINT_MAX;

                /* none, or among those that stay */
                if (i < n && keep[i] < (int)from)
                        continue;
                if (from < to && syscall(SYS_close_range, from, i < n ? to - 1 : to, 0) < 0)
                        return err_sys(e, "cannot close the descriptors from %u on", from);
                from = to + 1;
        }
        return 0;
}

static int be_alone(struct first *f, struct err *e)
{
        struct launch *l = f->launch;
        int keep[] = { f->sock,    f->from_stage, l->self,        l->listener,
                       l->console, l->seccomp,    l->spec->notify };

        if (close_rest(3 + l->spec->preserve_fds, keep, sizeof(keep) / sizeof(keep[0]), e) < 0)
                return -e->code;
        return proc_die_with(l->self, e);
}

/* ------ names ------ */

static int set_names(const struct first *f, struct err *e)
{
        const char *host = f->bundle->plan.net.host_name;
        const char *domain = f->bundle->domain_name;

        if (host && sethostname(host, strlen(host)) < 0)
                return err_sys(e, "cannot set the hostname '%.100s'", host);
        if (domain && setdomainname(domain, strlen(domain)) < 0)
                return err_sys(e, "cannot set the domainname '%.100s'", domain);
        return 0;
}

/* ------ state, for hooks and whoever listens to seccomp ------ */

static int print_state(const struct first *f, enum container_status status, pid_t pid, char **ret,
                       struct err *e)
{
        struct container c = *f->launch->spec->container;

        c.pid = pid;
        return container_print_state(&c, status, ret, e);
}

/* Hooks in here know this process as they see it themselves. */
static int run_hooks(const struct first *f, enum bundle_hook_kind kind,
                     enum container_status status, struct err *e)
{
        autofree char *state = NULL;

        if (f->bundle->hooks[kind].n == 0)
                return 0;
        if (print_state(f, status, getpid(), &state, e) < 0)
                return -e->code;
        return hooks_run(f->bundle, kind, state, e);
}

/* Source: runtime-spec, config-linux.md, "The Container Process State". */
static int print_process_state(const struct first *f, char **ret, struct err *e)
{
        const struct bundle *b = f->bundle;
        autofree char *text = NULL;

        if (print_state(f, CONTAINER_CREATING, f->outer_pid, &text, e) < 0)
                return -e->code;
        json_t *state = json_loads(text, 0, NULL);
        json_t *all = json_pack("{s:s, s:[s], s:i, s:s, s:o}", "ociVersion", b->version, "fds",
                                "seccompFd", "pid", (int)f->outer_pid, "metadata",
                                b->seccomp_metadata ? b->seccomp_metadata : "", "state", state);
        *ret = all ? json_dumps(all, JSON_COMPACT) : NULL;
        json_decref(all);
        return *ret ? 0 : err_set(e, ENOMEM, "out of memory");
}

/* ------ the root ------ */

/* It is made meanwhile, and waited for when something needs it. */
static int join_network(void *user, struct err *e)
{
        struct first *f = user;
        autofd netns = -1;

        if (f->from_stage < 0)
                return 0;
        if (f->launch->spaces.is_new[BUNDLE_NS_NETWORK]) {
                if (talk_await(f->from_stage, TALK_NETWORK, "the stage", NULL, NULL, &netns, e) < 0)
                        return -e->code;
                if (setns(netns, CLONE_NEWNET) < 0)
                        return err_sys(e, "cannot join the new network namespace");
        }
        fd_close(&f->from_stage);
        return 0;
}

/* What cannot be reached from this user namespace may be reached from the launcher's. */
static int ask_source(void *user, size_t index, struct err *e)
{
        const struct first *f = user;
        int mount;

        if (talk_send(f->sock, TALK_SOURCE, (int)index, -1, e) < 0 ||
            talk_await(f->sock, TALK_MOUNT, "the launcher", NULL, NULL, &mount, e) < 0)
                return -e->code;
        return mount;
}

static int await_known(const struct first *f, struct err *e)
{
        return talk_await(f->from_stage, TALK_CLONED, "the stage", NULL, NULL, NULL, e);
}

/* The stage has done so for those who are born later. */
static int await_maps(const struct first *f, struct err *e)
{
        if (!f->launch->is_early)
                return 0;
        return talk_await(f->sock, TALK_MAPPED, "the launcher", NULL, NULL, NULL, e);
}

static bool is_real_root(const struct launch *l)
{
        struct stat st;

        return l->ids.kind == IDS_OWN && geteuid() == 0 && stat("/proc/self/ns/user", &st) == 0 &&
               st.st_ino == FIRST_USER_NS;
}

static int build(struct first *f, struct err *e)
{
        const struct launch *l = f->launch;

        f->rootfs_spec = (struct rootfs_spec){
                .bundle = f->bundle,
                .maps = l->ids.kind == IDS_OWN ? NULL : &l->ids.maps,
                .has_new_network = l->spaces.is_new[BUNDLE_NS_NETWORK],
                .join_network = join_network,
                .ask_source = ask_source,
                .user = f,
                .no_pivot = l->spec->no_pivot,
                .is_root = is_real_root(l),
                .notice = &f->notice,
        };
        if (rootfs_build(&f->rootfs_spec, &f->rootfs, e) < 0)
                return -e->code;
        return join_network(f, e);
}

bool launch_has_outer_hooks(const struct bundle *b)
{
        return b->hooks[BUNDLE_HOOK_PRESTART].n > 0 || b->hooks[BUNDLE_HOOK_CREATE_RUNTIME].n > 0 ||
               b->hooks[BUNDLE_HOOK_CREATE_CONTAINER].n > 0;
}

/* The launcher's hooks come before ours, and both before the root is entered. */
static int let_hooks_run(struct first *f, struct err *e)
{
        if (!launch_has_outer_hooks(f->bundle))
                return 0;
        if (talk_send(f->sock, TALK_BUILT, 0, -1, e) < 0 ||
            talk_await(f->sock, TALK_GO, "the launcher", NULL, NULL, NULL, e) < 0)
                return -e->code;
        /* no specification says so, but hooks that were written for runc begin in the root */
        if (fchdir(f->rootfs.root) < 0)
                return err_sys(e, "cannot enter the container's root");
        return run_hooks(f, BUNDLE_HOOK_CREATE_CONTAINER, CONTAINER_CREATED, e);
}

/* The working directory is entered after that: it may lie behind a mask. */
static int finish_root(struct first *f, struct err *e)
{
        f->is_finished = true;
        return rootfs_finish(&f->rootfs_spec, &f->rootfs, e);
}

static int on_console(void *user, int slave, struct err *e)
{
        struct first *f = user;

        if (rootfs_set_console(&f->rootfs, slave, e) < 0)
                return -e->code;
        return finish_root(f, e);
}

static int prepare(struct first *f, struct err *e)
{
        struct launch *l = f->launch;

        f->become_spec = (struct become_spec){
                .bundle = f->bundle,
                .container = f->bundle,
                .profile = l->spec->profile,
                .listener = l->seccomp,
                .console_socket = l->console,
                .preserve_fds = l->spec->preserve_fds,
                .has_id_maps = l->ids.kind != IDS_OWN,
                .denies_groups = l->ids.denies_groups,
                .keeps_keyring = l->spec->keeps_keyring,
                .has_own_pids = l->spaces.is_new[BUNDLE_NS_PID],
                .notice = &f->notice,
        };
        if (!f->bundle->process.has_terminal && finish_root(f, e) < 0)
                return -e->code;
        if (become_prepare(&f->become_spec, on_console, f, &f->become, e) < 0)
                return -e->code;
        if (!f->is_finished && finish_root(f, e) < 0)
                return -e->code;
        rootfs_done(&f->rootfs);
        fd_close(&l->console);
        return 0;
}

/* ------ waiting for `start` ------ */

/* From here on nobody needs us to die with the launcher: its end is that of the conversation. */
static int await_keep(struct first *f, struct err *e)
{
        int pid = 0;

        fd_close(&f->launch->self);
        if (prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) < 0)
                return err_sys(e, "cannot outlive the launcher");
        if (talk_send(f->sock, TALK_READY, 0, -1, e) < 0 ||
            talk_await(f->sock, TALK_KEEP, "the launcher", NULL, &pid, NULL, e) < 0)
                return -e->code;
        f->outer_pid = pid;
        /* until `start` others may come into the container, and look; the caller's have secrets */
        proc_wipe_arguments("kelp-oci");
        return 0;
}

/*
 * Only whoever has created the container may start it: the socket's own credentials are those, and both
 * are told to us in the ids of this namespace.  Whose ids are not in it are kept away by the directory.
 */
static bool is_creator(int listener, int sock)
{
        struct ucred creator;
        struct ucred other;
        socklen_t size = sizeof(creator);
        socklen_t other_size = sizeof(other);

        return getsockopt(listener, SOL_SOCKET, SO_PEERCRED, &creator, &size) == 0 &&
               getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &other, &other_size) == 0 &&
               creator.uid == other.uid;
}

/* Who only looks whether we wait is gone when we look at him. */
static bool is_start(int listener, int sock)
{
        struct timeval most = { .tv_sec = SPEAK_S };
        struct err unused = { 0 };

        return is_creator(listener, sock) &&
               setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most)) == 0 &&
               talk_await(sock, TALK_START, "start", NULL, NULL, NULL, &unused) == 0;
}

static int await_start(struct first *f, struct err *e)
{
        int *listener = &f->launch->listener;

        /* of `run`: the launcher says so itself, and its end is ours until then */
        if (*listener < 0)
                return talk_await(f->sock, TALK_START, "the launcher", NULL, NULL, NULL, e);
        fd_close(&f->sock);
        while (f->sock < 0) {
                autofd sock = accept4(*listener, NULL, NULL, SOCK_CLOEXEC);

                if (sock < 0 && errno != EINTR && errno != ECONNABORTED)
                        return err_sys(e, "cannot wait for 'start'");
                if (sock >= 0 && is_start(*listener, sock))
                        f->sock = fd_take(&sock);
        }
        fd_close(listener);
        return 0;
}

static int become(struct first *f, struct err *e)
{
        autofree char *state = NULL;

        if (f->launch->spec->profile->has_listener && print_process_state(f, &state, e) < 0)
                return -e->code;
        f->become_spec.state = state;
        if (run_hooks(f, BUNDLE_HOOK_START_CONTAINER, CONTAINER_CREATED, e) < 0)
                return -e->code;
        int notify = f->launch->spec->notify;
        if ((notify >= 0 && talk_send(f->sock, TALK_NOTIFY, 0, notify, e) < 0) ||
            talk_send(f->sock, TALK_EXECUTING, 0, -1, e) < 0)
                return -e->code;
        return become_finish(&f->become_spec, &f->become, f->sock, e);
}

static int first_run(struct first *f, struct err *e)
{
        if (be_alone(f, e) < 0 || set_names(f, e) < 0 || await_known(f, e) < 0 ||
            await_maps(f, e) < 0 || build(f, e) < 0 || let_hooks_run(f, e) < 0 ||
            rootfs_enter(&f->rootfs_spec, &f->rootfs, e) < 0 || prepare(f, e) < 0 ||
            await_keep(f, e) < 0 || await_start(f, e) < 0)
                return -e->code;
        return become(f, e);
}

_Noreturn void first_main(struct launch *l, int from_stage)
{
        struct first f = { .launch = l,
                           .bundle = l->spec->bundle,
                           .sock = fd_take(&l->far),
                           .from_stage = from_stage,
                           .rootfs = ROOTFS_NONE };
        struct err e = { 0 };

        f.notice = (struct notice){ .say = say, .debug = say_debug, .user = &f };
        f.become.slave = -1;
        first_run(&f, &e);
        /* it returns only on failure */
        talk_send_failed(f.sock, &e);
        _exit(1);
}
