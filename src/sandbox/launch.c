#include "launch.h"

#include "fd.h"
#include "io.h"
#include "landlock.h"
#include "limit-tier.h"
#include "stage.h"
#include "step.h"
#include "sync.h"
#include "tty.h"

#include <errno.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * The launcher's side of sync.h.  The user namespace comes first and alone: its maps are written
 * before any other namespace exists, so that all the others belong to a namespace whose ids are
 * known.
 */

/* The longest lists have about 200 MiB; what is not used takes no memory. */
#define VIEW_SIZE ((size_t)256 << 20)

/* A message of the view; the smallest buffers of sockets take some of them. */
#define VIEW_CHUNK ((size_t)8 << 10)

struct launch_view *launch_view_new(struct err *e)
{
        struct arena arena = { 0 };

        if (arena_map(&arena, VIEW_SIZE, "the list of the root", e) < 0)
                return NULL;
        struct launch_view *view = arena_alloc(&arena, sizeof(*view), e);
        if (view)
                view->tree.arena = arena;
        else
                arena_done(&arena);
        return view;
}

void launch_view_free(struct launch_view **view)
{
        struct tree tree;

        if (!*view)
                return;
        /* the arena goes, and the view with it */
        tree = (*view)->tree;
        tree_done(&tree);
        *view = NULL;
}

static size_t chunk_at(size_t done, size_t size)
{
        return size - done < VIEW_CHUNK ? size - done : VIEW_CHUNK;
}

static int send_view(struct launch_view *view, int sock, struct err *e)
{
        size_t size;
        const char *data = arena_mapped(&view->tree.arena, &size);

        if (sync_send(sock, SYNC_VIEW, (int)size, NULL, 0, e) < 0)
                return -e->code;
        for (size_t done = 0; done < size; done += VIEW_CHUNK) {
                if (io_send(sock, data + done, chunk_at(done, size), NULL, 0, e) < 0)
                        return -e->code;
        }
        return 0;
}

int launch_view_receive(struct launch_view *view, int sock, struct err *e)
{
        size_t unused;
        char *data = arena_mapped(&view->tree.arena, &unused);
        int told = 0;

        if (sync_await(sock, SYNC_VIEW, &told, NULL, 0, "the launcher", e) < 0)
                return -e->code;
        size_t size = (size_t)told;
        if (told < 0 || size > VIEW_SIZE)
                return err_set(e, EPROTO, "the launcher speaks of %d bytes", told);
        for (size_t done = 0; done < size; done += VIEW_CHUNK) {
                size_t want = chunk_at(done, size);
                ssize_t n = io_receive(sock, data + done, want, NULL, 0, NULL, e);

                if (n < 0)
                        return -e->code;
                if ((size_t)n != want)
                        return err_set(e, EPROTO, "the launcher ended before it was done");
        }
        return 0;
}

/* Stands until the step is over; what fails in between bears its name. */
static int fail_at(enum step step, struct err *e)
{
        if (e->step == STEP_NONE)
                e->step = step;
        return -e->code;
}

static pid_t clone_stage(const struct cgroup *cgroup, struct err *e)
{
        /* what the caller of kelp ignored is none of the sandbox's business: Linux 5.5 */
        struct clone_args args = { .flags = CLONE_NEWUSER | CLONE_CLEAR_SIGHAND,
                                   .exit_signal = SIGCHLD };

        /* born in it: Linux 5.7 */
        if (cgroup->dir >= 0) {
                args.flags |= CLONE_INTO_CGROUP;
                args.cgroup = (uint64_t)cgroup->dir;
        }
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

        if (p->net.mode != PLAN_NETWORK_USER && p->net.mode != PLAN_NETWORK_FILTERED)
                return 0;
        if (sync_await(r->sock, SYNC_NETNS, NULL, fds, 2, "the stage", e) < 0)
                return -e->code;
        r->netns = fds[0];
        r->userns = fds[1];
        return 0;
}

void launch_view_drop(struct launch_view *view)
{
        /* the descriptors in it are numbers of another process */
        struct arena arena = view->tree.arena;

        arena_done(&arena);
}

/* Somebody who is gone has said why before, and that is heard next. */
static int pass_if_gone(struct err *e)
{
        if (e->code != EPIPE && e->code != ECONNRESET)
                return -e->code;
        *e = (struct err){ .step = e->step };
        return 0;
}

static int tell(int sock, enum sync_type type, struct err *e)
{
        return sync_send(sock, type, 0, NULL, 0, e) < 0 ? pass_if_gone(e) : 0;
}

static int write_maps(const struct launch *l, struct run *r, pid_t stage, struct err *e)
{
        autofd proc = userns_open_process(stage, e);

        /* read back first: from MAPPED on the stage is nobody's to look at */
        if (proc < 0 || userns_write_maps(proc, stage, l->maps, e) < 0 ||
            userns_check_maps(proc, l->maps, e) < 0)
                return -e->code;
        return tell(r->sock, SYNC_MAPPED, e);
}

int launch_start(const struct launch *l, struct run *ret, struct err *e)
{
        autofd self = proc_pidfd(getpid(), e);
        autofd far = -1;

        if (l->tiers->controllers != 0 && cgroup_make(l->tiers, &ret->cgroup, e) < 0)
                return fail_at(STEP_LIMITS, e);
        if (self < 0 || fd_socketpair(&ret->sock, &far, e) < 0)
                return fail_at(STEP_USERNS, e);
        pid_t pid = clone_stage(&ret->cgroup, e);
        if (pid == 0) {
                cgroup_drop(&ret->cgroup);
                stage_main(l, far, ret->sock, self);
        }
        if (pid < 0)
                return fail_at(STEP_USERNS, e);
        ret->stage.pid = pid;
        fd_close(&far);
        if (cpu_put_apart(&l->cpus, pid, e) < 0)
                return fail_at(STEP_USERNS, e);
        if (write_maps(l, ret, pid, e) < 0)
                return fail_at(STEP_ID_MAPS, e);
        return 0;
}

int launch_continue(const struct launch *l, struct run *r, struct err *e)
{
        if (send_view(l->view, r->sock, e) < 0 && pass_if_gone(e) < 0)
                return fail_at(STEP_SOURCES, e);
        if (await_init(r, e) < 0)
                return fail_at(STEP_NAMESPACES, e);
        if (await_network(l->plan, r, e) < 0)
                return fail_at(STEP_NETNS, e);
        return 0;
}

void launch_abandon(struct run *r)
{
        struct err unused = { 0 };

        if (r->sock < 0 || r->init.pid > 0)
                return;
        /* whoever waits for a message now does so in vain, and ends */
        shutdown(r->sock, SHUT_WR);
        /* pid 1 may have said why it ends before the stage could say that there is one */
        for (int i = 0; i < 4 && r->init.pid <= 0; i++)
                await_init(r, &unused);
}

static size_t count_namespaces(const struct plan *p)
{
        return p->net.mode == PLAN_NETWORK_HOST ? RUN_NS_NET : RUN_NS_COUNT;
}

static void take_ready(const struct launch *l, struct run *r, const int *fds)
{
        size_t n = 0;

        if (r->on_pty)
                r->pty_master = fds[n++];
        if (limit_tiers_sample(l->tiers)) {
                r->proc = fds[n++];
                r->memory_fs = fds[n];
        }
}

/* What has come of what is awaited with READY. */
struct news {
        bool is_ready;
        bool has_entry;
};

/* READY, and ENTRY before or after it: a slow stage is overtaken even by the payload's RULES. */
static int take_news(const struct launch *l, struct run *r, struct news *news, struct err *e)
{
        size_t n_ready = (r->on_pty ? 1 : 0) + (limit_tiers_sample(l->tiers) ? 2 : 0);
        struct sync_msg msg;
        int fds[IO_MAX_FDS];
        size_t n_fds = 0;

        if (sync_await_any(r->sock, &msg, fds, &n_fds, "pid 1", e) < 0)
                return -e->code;
        if (msg.type == SYNC_ENTRY && !news->has_entry && n_fds == count_namespaces(l->plan)) {
                memcpy(r->entry.namespaces, fds, n_fds * sizeof(int));
                news->has_entry = true;
        } else if (msg.type == SYNC_READY && !news->is_ready && n_fds == n_ready) {
                take_ready(l, r, fds);
                news->is_ready = true;
        } else if (msg.type == SYNC_RULES && news->is_ready && r->entry.rules < 0 && n_fds == 1) {
                r->entry.rules = fds[0];
        } else {
                while (n_fds > 0)
                        close(fds[--n_fds]);
                return err_set(e, EPROTO, "pid 1 sent message %u too early", msg.type);
        }
        return 0;
}

/*
 * Of a stage that has ended: what it has sent is there, and nothing more will come, though pid 1 keeps
 * the socket open.
 */
static int take_entry(const struct launch *l, struct run *r, struct news *news, struct err *e)
{
        struct pollfd fd = { .fd = r->sock, .events = POLLIN };

        while (!news->has_entry) {
                int n = poll(&fd, 1, 0);

                if (n < 0 && errno != EINTR)
                        return err_sys(e, "cannot poll");
                if (n == 0)
                        return err_set(e, EPIPE, "the stage ended before it gave the namespaces");
                if (n > 0 && take_news(l, r, news, e) < 0)
                        return -e->code;
        }
        return 0;
}

int launch_await_ready(const struct launch *l, struct run *r, struct err *e)
{
        struct news news = { .is_ready = false };

        r->on_pty = tty_streams(l->plan);
        while (!news.is_ready) {
                if (take_news(l, r, &news, e) < 0)
                        return fail_at(STEP_ROOT, e);
        }
        /* it has given the network to pid 1, which would not be ready otherwise */
        if (reap_stage(&r->stage, e) < 0 || take_entry(l, r, &news, e) < 0)
                return fail_at(STEP_CLONE_INIT, e);
        return 0;
}

int launch_go(const struct launch *l, struct run *r, struct err *e)
{
        bool has_rules = false;

        if (cgroup_set_limits(&r->cgroup, &l->plan->limits, l->tiers, e) < 0)
                return fail_at(STEP_LIMITS, e);
        if (tell(r->sock, SYNC_GO, e) < 0 || landlock_has_rules(l->plan, &has_rules, e) < 0 ||
            (has_rules && r->entry.rules < 0 &&
             sync_await(r->sock, SYNC_RULES, NULL, &r->entry.rules, 1, "the payload", e) < 0) ||
            sync_await(r->sock, SYNC_STARTED, NULL, NULL, 0, "pid 1", e) < 0)
                return fail_at(STEP_START, e);
        return 0;
}
