#include "enter.h"

#include "apply.h"
#include "enter-request.h"
#include "fd.h"
#include "io.h"
#include "join.h"
#include "payload.h"
#include "proc.h"
#include "rights.h"
#include "step.h"

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* EXEC comes with these: the request, and the standard streams. */
#define N_FDS 4

struct session {
        struct join join;
        struct plan plan;
        const struct cgroup *cgroup; /* of the sandbox */
        int sock;                    /* to kelp exec; -1: it is gone */
        struct joined command;
        uint64_t deadline; /* when it is killed, as of io_now(); 0: never */
};

/*
 * The supervisor's descriptors go, its lock first of all: whoever has that is the supervisor.  The
 * command's streams come in the place of its own.
 */
static int take_descriptors(const struct control_request *r, const struct run_entry *entry,
                            struct err *e)
{
        int keep[3 + RUN_NS_COUNT] = { r->sock, r->fds[0] };
        size_t n = 2;

        for (int fd = 0; fd <= 2; fd++) {
                if (dup2(r->fds[1 + fd], fd) < 0)
                        return err_sys(e, "cannot take stream %d of the command", fd);
        }
        if (entry->rules >= 0)
                keep[n++] = entry->rules;
        for (size_t i = 0; i < RUN_NS_COUNT; i++) {
                if (entry->namespaces[i] >= 0)
                        keep[n++] = entry->namespaces[i];
        }
        fd_sort(keep, n);
        return fd_close_others(keep, n, e);
}

/* Away from the supervisor: nobody's terminal, nobody's to look at. */
static int leave_supervisor(int supervisor, struct err *e)
{
        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
                return err_sys(e, "cannot become undumpable");
        if (proc_die_with(supervisor, e) < 0)
                return -e->code;
        if (setsid() < 0)
                return err_sys(e, "cannot start a session");
        return proc_reset_signals(e);
}

static size_t name_len(const char *item)
{
        return strcspn(item, "=");
}

static bool has_name(const char *item, const char *other)
{
        size_t len = name_len(other);

        return name_len(item) == len && memcmp(item, other, len) == 0;
}

/*
 * The sandbox's environment with what was asked for.  All of it is copied: it may lie where this
 * process's own arguments are, which are wiped.
 */
static int make_env(struct plan *p, struct arena *a, const struct enter_request *r, struct err *e)
{
        size_t size = (p->exec.n_env + r->n_env + 1) * sizeof(char *);
        const char **env = arena_alloc(a, size, e);
        size_t n = 0;

        if (!env)
                return -e->code;
        for (size_t i = 0; i < p->exec.n_env + r->n_env; i++) {
                const char *item = i < p->exec.n_env ? p->exec.env[i] : r->env[i - p->exec.n_env];
                size_t at = 0;

                while (at < n && !has_name(env[at], item))
                        at++;
                /* a name alone takes it away */
                if (item[name_len(item)] == '\0') {
                        if (at < n)
                                env[at] = env[--n];
                        continue;
                }
                env[at] = arena_copy(a, item, e);
                if (!env[at])
                        return -e->code;
                n += at == n;
        }
        env[n] = NULL;
        p->exec.env = env;
        p->exec.n_env = n;
        return 0;
}

static int copy_text(struct arena *a, const char **text, struct err *e)
{
        if (!*text)
                return 0;
        *text = arena_copy(a, *text, e);
        return *text ? 0 : -e->code;
}

/*
 * The plan of the command: that of the sandbox, but for what is the command's own.  No other
 * descriptors are passed on, and no text of the sandbox's command line is looked at any more.
 */
static int make_plan(const struct launch *l, const struct enter_request *r, struct plan *ret,
                     struct err *e)
{
        struct arena arena = { 0 };

        *ret = *l->plan;
        ret->exec.argv = (const char **)r->argv;
        ret->exec.n_args = r->n_args;
        ret->exec.force_tty = r->wants_tty;
        ret->exec.hint = NULL;
        ret->report.n_keep_fds = 0;
        ret->files.n_rules = 0;
        if (r->workdir)
                ret->exec.workdir = r->workdir;
        if (r->user && apply_parse_user(l->plan, &arena, r->user, &ret->ids.user, e) < 0)
                return err_prefix(e, "--user");
        if (make_env(ret, &arena, r, e) < 0 || copy_text(&arena, &ret->exec.workdir, e) < 0 ||
            copy_text(&arena, &ret->ids.user.name, e) < 0 ||
            copy_text(&arena, &ret->ids.user.group, e) < 0)
                return -e->code;
        return 0;
}

/* From here on it only watches: it needs to signal the command, and nothing else. */
static int confine(const struct joined *c, int sock, struct err *e)
{
        int keep[4] = { sock, c->pipe, c->child.pidfd, c->pty_master };
        size_t n = c->pty_master >= 0 ? 4 : 3;

        e->step = STEP_START;
        for (int fd = 0; fd <= 2; fd++)
                close(fd);
        fd_sort(keep, n);
        if (fd_close_others(keep, n, e) < 0)
                return -e->code;
        return rights_set(UINT64_C(1) << CAP_KILL, e);
}

static int join(struct session *s, const struct control_request *r, struct err *e)
{
        struct enter_request request;
        struct arena arena = { 0 };

        e->step = STEP_SOURCES;
        if (enter_request_read(r->fds[0], &arena, &request, e) < 0 ||
            make_plan(s->join.launch, &request, &s->plan, e) < 0)
                return -e->code;
        /* as of the payload: that of whoever has started the sandbox */
        s->join.umask = umask(0);
        /* what is still in the memory of this process is seen as the command's, until that executes */
        proc_wipe_arguments("kelp-exec");
        if (join_enter(&s->join, e) < 0 || join_start(&s->join, &s->command, e) < 0)
                return -e->code;
        return confine(&s->command, s->sock, e);
}

static void deliver(const struct session *s, int number)
{
        /* it leads a session, so it stays in its group */
        kill(-s->command.child.pid, number);
}

static void hang_up(struct session *s)
{
        fd_close(&s->sock);
        deliver(s, SIGHUP);
        deliver(s, SIGCONT);
        s->deadline = io_now() + ENTER_GRACE_NS;
}

static void on_client(struct session *s)
{
        struct control_request r = CONTROL_REQUEST_NONE;
        int taken = control_take(s->sock, &r);

        if (taken == 0)
                return;
        if (taken < 0 || r.msg.type != CONTROL_SIGNAL || r.msg.value < 1 || r.msg.value > 64)
                hang_up(s);
        else
                deliver(s, r.msg.value);
        control_request_done(&r);
}

/* What poll(2) waits, in milliseconds: rounded up, so that the deadline has passed then. */
static int get_patience(const struct session *s)
{
        uint64_t now = io_now();

        if (s->deadline == 0)
                return -1;
        return s->deadline > now ? (int)((s->deadline - now) / 1000000u) + 1 : 0;
}

static void watch(struct session *s)
{
        for (;;) {
                struct pollfd fds[2] = {
                        { .fd = s->command.child.pidfd, .events = POLLIN },
                        { .fd = s->sock, .events = POLLIN },
                };
                int n = poll(fds, 2, get_patience(s));

                if (n == 0) {
                        deliver(s, SIGKILL);
                        s->deadline = 0;
                }
                if (n <= 0)
                        continue;
                if (fds[0].revents)
                        return;
                if (fds[1].revents)
                        on_client(s);
        }
}

/*
 * The command is not reaped before its end was told: until then pid 1 of a sandbox that ends cannot
 * go, and so the supervisor waits, with whose end this process is killed.
 */
static void tell_end(const struct session *s)
{
        siginfo_t si = { 0 };
        struct err e = { .step = STEP_SUPERVISE };

        if (waitid(P_PID, (id_t)s->command.child.pid, &si, WEXITED | WNOWAIT) < 0)
                return;
        bool was_killed = si.si_code != CLD_EXITED;
        if (was_killed && si.si_status == SIGKILL && join_is_over(&s->join)) {
                err_set(&e, ESRCH, "the sandbox has ended, and the command with it");
                control_refuse(s->sock, &e);
                return;
        }
        control_answer(s->sock, CONTROL_EXITED, was_killed ? si.si_status : si.si_status << 8);
}

static int start(struct session *s, const struct control_request *r, int supervisor, struct err *e)
{
        struct joined *c = &s->command;

        e->step = STEP_START;
        if (leave_supervisor(supervisor, e) < 0)
                return -e->code;
        e->step = STEP_LIMITS;
        /* before any process of the command: what it starts counts from the first one on */
        if (cgroup_join(s->cgroup, e) < 0)
                return -e->code;
        e->step = STEP_START;
        if (take_descriptors(r, s->join.entry, e) < 0 || join(s, r, e) < 0 ||
            payload_let_go(c->pipe, e) < 0 || payload_await(c->pipe, e) < 0)
                return -e->code;
        return control_send(s->sock, CONTROL_DONE, (int)c->on_pty, &c->pty_master,
                            c->pty_master >= 0 ? 1 : 0, e);
}

static _Noreturn void joiner_main(struct session *s, const struct control_request *r,
                                  int supervisor)
{
        struct err e = { 0 };

        if (start(s, r, supervisor, &e) < 0) {
                /* at its limit it has not ended, and what asks that way would be one more in it */
                if (e.step != STEP_EXEC && e.code != EAGAIN && join_is_over(&s->join))
                        err_set(&e, ESRCH, "the sandbox has ended");
                control_refuse(r->sock, &e);
        } else {
                fd_close(&s->command.pipe);
                fd_close(&s->command.pty_master);
                mem_release_stack();
                watch(s);
                tell_end(s);
        }
        join_done(&s->join, &s->command);
        _exit(0);
}

/* A free place in the list; NULL with `e` set when there is none. */
static struct enter_slot *find_slot(struct enter_list *list, struct err *e)
{
        if (!list->slots) {
                void *memory = mmap(NULL, ENTER_MAX * sizeof(*list->slots), PROT_READ | PROT_WRITE,
                                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

                if (memory == MAP_FAILED || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0) {
                        err_sys(e, "cannot get ready to look after other processes");
                        return NULL;
                }
                list->slots = memory;
        }
        for (size_t i = 0; i < ENTER_MAX; i++) {
                struct enter_slot *slot = &list->slots[i];

                if (!slot->joiner && !slot->children.command && !slot->children.probe)
                        return slot;
        }
        err_set(e, EBUSY, "there are %d commands in the sandbox by kelp exec", ENTER_MAX);
        return NULL;
}

int enter_start(struct enter_list *list, const struct launch *l, const struct run *run,
                const struct control_request *r, struct err *e)
{
        autofd self = proc_pidfd(getpid(), e);

        e->step = STEP_START;
        if (self < 0)
                return -e->code;
        if (r->n_fds != N_FDS)
                return err_set(e, EBADMSG, "the request came with %zu descriptors", r->n_fds);
        struct enter_slot *slot = find_slot(list, e);
        if (!slot)
                return -e->code;
        pid_t pid = fork();
        if (pid < 0)
                return err_sys(e, "cannot fork");
        if (pid == 0) {
                struct session s = { .sock = r->sock,
                                     .cgroup = &run->cgroup,
                                     .command = JOINED_NONE };

                s.join = (struct join){ .launch = l,
                                        .entry = &run->entry,
                                        .plan = &s.plan,
                                        .children = &slot->children };
                joiner_main(&s, r, self);
        }
        slot->joiner = pid;
        return 0;
}

/*
 * Of a joiner that was killed.  The kernel's PDEATHSIG is for the command alone, and it may have asked
 * for none; what it has started in its group goes with it.  Until it is reaped nobody else can have
 * its number, nor a group of that number.
 */
static void end_orphan(pid_t *pid)
{
        siginfo_t si;
        int status;

        if (*pid <= 0)
                return;
        /* the joiner may have reaped it, and not have come to say so */
        if (waitid(P_PID, (id_t)*pid, &si, WEXITED | WNOHANG | WNOWAIT) < 0) {
                *pid = 0;
                return;
        }
        kill(-*pid, SIGKILL);
        /* it may not lead a group yet */
        kill(*pid, SIGKILL);
        if (waitpid(*pid, &status, WNOHANG) != 0)
                *pid = 0;
}

void enter_reap(struct enter_list *list)
{
        int status;

        for (size_t i = 0; list->slots && i < ENTER_MAX; i++) {
                struct enter_slot *slot = &list->slots[i];

                if (slot->joiner > 0 && waitpid(slot->joiner, &status, WNOHANG) != 0)
                        slot->joiner = 0;
                if (slot->joiner > 0)
                        continue;
                end_orphan(&slot->children.command);
                end_orphan(&slot->children.probe);
        }
}

void enter_list_done(struct enter_list *list)
{
        if (list->slots)
                munmap(list->slots, ENTER_MAX * sizeof(*list->slots));
        list->slots = NULL;
}
