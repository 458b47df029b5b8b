#include "box.h"

#include "fd.h"
#include "limit-tier.h"
#include "payload.h"
#include "rights.h"
#include "step.h"
#include "streams.h"
#include "sync.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int bind_life(struct box *b, struct err *e)
{
        return proc_die_with(b->launcher_pidfd, e);
}

static int make_private(struct box *b, struct err *e)
{
        (void)b;
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return err_sys(e, "cannot make the mounts private");
        return 0;
}

static int make_base(struct box *b, struct err *e)
{
        const struct image_base image = {
                .maps = b->launch->maps,
                .kept = b->launch->kept->dir,
                .copy = b->launch->copy,
        };

        return build_base(b->plan, &image, &b->build, e);
}

/* The list is in the making until the launcher says so. */
static int await_view(struct box *b, struct err *e)
{
        return launch_view_receive(b->launch->view, b->sock, e);
}

static int make_root(struct box *b, struct err *e)
{
        return build_root(&b->build, &b->launch->view->tree, e);
}

static int confine_streams(struct box *b, struct err *e)
{
        return streams_confine(b->plan, e);
}

/* The stage made it while the root was being built. */
static int join_network(struct box *b, struct err *e)
{
        autofd netns = -1;

        bool has_own = b->plan->net.mode != PLAN_NETWORK_HOST;

        if (sync_await(b->stage, SYNC_NETNS, NULL, &netns, has_own, "the stage", e) < 0)
                return -e->code;
        if (has_own && setns(netns, CLONE_NEWNET) < 0)
                return err_sys(e, "cannot enter the network namespace");
        return 0;
}

static int make_kernel_view(struct box *b, struct err *e)
{
        return build_last(&b->build, &b->launch->view->tree, e);
}

/*
 * What the supervisor samples it must not reach by a name: names are what a payload with
 * capabilities can change.  The /proc is of our pid namespace, whoever reads it.
 */
static int open_sampled(struct box *b, struct err *e)
{
        b->proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (b->proc < 0)
                return err_sys(e, "cannot open '/proc' of the sandbox");
        return 0;
}

static int pivot(struct box *b, struct err *e)
{
        bool is_sampled = limit_tiers_sample(b->launch->tiers);

        if (is_sampled) {
                /* of an image it has no name from here on */
                b->memory_fs = fcntl(b->build.stage, F_DUPFD_CLOEXEC, 3);
                if (b->memory_fs < 0)
                        return err_sys(e, "cannot keep a descriptor of the root's tmpfs");
        }
        if (build_pivot(&b->build, e) < 0)
                return -e->code;
        return is_sampled ? open_sampled(b, e) : 0;
}

static int open_terminal(struct box *b, struct err *e)
{
        return tty_open(b->plan, &b->tty, &b->pty_master, e);
}

static int set_identity(struct box *b, struct err *e)
{
        const char *name = b->plan->net.host_name;

        if (sethostname(name, strlen(name)) < 0)
                return err_sys(e, "cannot set the host name '%s'", name);
        return identity_find(b->plan, b->launch->maps, &b->identity, e);
}

static int join_keyring(struct box *b, struct err *e)
{
        (void)b;
        return rights_leave_keyring(e);
}

/* The limit belongs to our namespace: whoever lacks CAP_SYS_RESOURCE in it cannot raise it. */
static int forbid_nesting(struct box *b, struct err *e)
{
        if (b->build.max_userns < 0)
                return 0;
        if (write(b->build.max_userns, "0", 1) != 1)
                return err_sys(e, "cannot set 'user.max_user_namespaces' of the sandbox to 0");
        fd_close(&b->build.max_userns);
        return 0;
}

static int drop_bounding(struct box *b, struct err *e)
{
        if (rights_drop_bounding(&b->plan->confine, e) < 0)
                return -e->code;
        return rights_no_new_privs(e);
}

/* The root stands; while the launcher gets ready for the payload there is still enough to do. */
static int tell_ready(struct box *b, struct err *e)
{
        int fds[3];
        size_t n = 0;

        if (b->pty_master >= 0)
                fds[n++] = b->pty_master;
        if (b->proc >= 0) {
                fds[n++] = b->proc;
                fds[n++] = b->memory_fs;
        }
        if (sync_send(b->sock, SYNC_READY, 0, fds, n, e) < 0)
                return -e->code;
        fd_close(&b->pty_master);
        fd_close(&b->proc);
        fd_close(&b->memory_fs);
        return 0;
}

typedef int step_fn(struct box *b, struct err *e);

struct child_step {
        enum step step;
        step_fn *run;
};

/*
 * The checklist of pid 1.  What the payload does for itself after the fork is in payload.c.
 *
 * Each line says what must have come before it and what must not.
 */
static const struct child_step child_steps[] = {
        /* first: whatever comes later must not outlive the launcher.  After the maps: a change of
         * credentials would make the kernel forget it */
        { STEP_BIND_LIFE, bind_life },
        /* before the first mount, or the host would see it */
        { STEP_PROPAGATION, make_private },
        /* needs every capability; before the list, which it does not need */
        { STEP_ROOT, make_base },
        /* before anything on it is looked at */
        { STEP_SOURCES, await_view },
        /* needs every capability and the names of the old root */
        { STEP_ROOT, make_root },
        /* needs the names of the old root, too; before anything reads from them */
        { STEP_STREAMS, confine_streams },
        /* late, because it is long in the making; before /sys, which shows the namespace of its maker */
        { STEP_JOIN_NETNS, join_network },
        { STEP_KERNEL_VIEW, make_kernel_view },
        /* when the root is whole; from here on no name leads to the host */
        { STEP_PIVOT, pivot },
        /* needs the devpts of the new root; must be before the payload is forked into the session */
        { STEP_TERMINAL, open_terminal },
        /* needs CAP_SYS_ADMIN for the name and the new root for its passwd */
        { STEP_IDENTITY, set_identity },
        { STEP_KEYRING, join_keyring },
        /* after the last namespace that is ours to make; needs CAP_SYS_RESOURCE */
        { STEP_NESTING, forbid_nesting },
        /* needs CAP_SETPCAP; must not be before anything that gains privileges by exec: nothing does */
        { STEP_BOUNDING, drop_bounding },
        /* the last thing that the payload is not to have: the terminal's master goes with it */
        { STEP_GO, tell_ready },
};

static int run_steps(struct box *b, struct err *e)
{
        for (size_t i = 0; i < sizeof(child_steps) / sizeof(child_steps[0]); i++) {
                e->step = child_steps[i].step;
                if (child_steps[i].run(b, e) < 0)
                        return -e->code;
        }
        return 0;
}

_Noreturn void box_main(const struct launch *l, int sock, int stage, int launcher_pidfd)
{
        struct box b = { .launch = l,
                         .plan = l->plan,
                         .sock = sock,
                         .stage = stage,
                         .launcher_pidfd = launcher_pidfd,
                         .build = BUILD_NONE,
                         .pty_master = -1,
                         .proc = -1,
                         .memory_fs = -1,
                         .rules = -1,
                         .joiner = -1 };
        struct err e = { 0 };

        /* what pid 1 makes has the modes that it says, whatever the caller's umask is */
        b.umask = umask(0);

        if (run_steps(&b, &e) < 0) {
                sync_send_failed(sock, &e);
                _exit(1);
        }
        payload_run(&b, &e);
}
