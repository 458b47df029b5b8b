#include "payload.h"

#include "audit.h"
#include "fd.h"
#include "filter.h"
#include "init.h"
#include "io.h"
#include "landlock.h"
#include "limit-tier.h"
#include "mem.h"
#include "path.h"
#include "proc.h"
#include "rights.h"
#include "rlimits.h"
#include "step.h"
#include "sync.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * What a payload does between fork and exec, in this order.  Before: pid 1 has shrunk the bounding
 * set and set no_new_privs for both of them.  Nothing may come after seccomp but a word with pid 1
 * and exec: what the steps need is what the filter refuses.
 *
 * Pid 1 audits what it built, and confines itself, meanwhile; exec waits for that, and for the
 * launcher's word.
 */

/* How often a read of the word that exec worked may fail. */
#define READ_AGAIN 3

static int set_up_terminal(struct box *b, struct err *e)
{
        return tty_enter(&b->tty, e);
}

static int check_namespaces(struct box *b, struct err *e)
{
        return audit_namespaces(b->plan, &b->launch->view->outer, e);
}

/* Who comes later enters the same rules: by then names may lead elsewhere. */
static int enter_landlock(struct box *b, struct err *e)
{
        autofd rules = -1;

        if (b->joiner >= 0)
                return landlock_join(b->plan, b->rules, e);
        if (landlock_enter(b->plan, &b->launch->view->tree, &rules, e) < 0)
                return -e->code;
        return rules < 0 ? 0 : sync_send(b->sock, SYNC_RULES, 0, &rules, 1, e);
}

static int set_limits(struct box *b, struct err *e)
{
        umask(b->plan->root == PLAN_ROOT_HOST ? b->umask : 022);
        if (rlimits_set(&b->plan->limits, &b->launch->view->cores, e) < 0)
                return -e->code;
        if (b->launch->tiers->processes != LIMIT_SAMPLED)
                return 0;
        /* pid 1 counts, too, where it has the same id */
        bool is_with_init = b->identity.uid == b->plan->ids.base_uid;
        return rlimits_set_processes(b->plan->limits.processes + is_with_init, e);
}

static int become_user(struct box *b, struct err *e)
{
        if (rights_become(&b->identity, b->plan->confine.keep_caps, e) < 0)
                return -e->code;
        /* the kernel forgets it with the change */
        return b->joiner < 0 ? 0 : proc_die_with(b->joiner, e);
}

static int hint_workdir(const struct box *b, struct err *e)
{
        const struct plan *p = b->plan;
        const char *workdir = p->exec.workdir;

        for (size_t i = p->files.n_rules; i > 0; i--) {
                const struct plan_rule *rule = &p->files.rules[i - 1];

                if (rule->kind == PLAN_RULE_HIDDEN && path_is_in(workdir, rule->box_path))
                        return err_hint(e, "it is hidden by %s; start elsewhere with -w",
                                        rule->origin);
        }
        if (e->code != ENOENT)
                return -e->code;
        /* what is shown was said when the sandbox was made */
        if (b->joiner >= 0)
                return err_hint(e, "the sandbox has no such directory; -w / starts at its root");
        if (p->root == PLAN_ROOT_IMAGE)
                return -e->code;
        return err_hint(e, "show it with --readable or --writable, or start elsewhere with -w");
}

/* A descriptor that leads out of the root is no working directory, whatever its name was. */
static int enter_workdir(const struct box *b, struct err *e)
{
        const struct plan *p = b->plan;
        char cwd[4096];

        if (chdir(p->exec.workdir) < 0) {
                err_sys(e, "cannot enter the working directory '%s'", p->exec.workdir);
                return hint_workdir(b, e);
        }
        if (syscall(SYS_getcwd, cwd, sizeof(cwd)) < 0 || cwd[0] != '/')
                return err_set(e, EXDEV, "the working directory '%s' is not in the sandbox",
                               p->exec.workdir);
        return 0;
}

static int check_stream(const struct box *b, int fd, struct err *e)
{
        struct stat st;

        if (fstat(fd, &st) < 0)
                return err_sys(e, "cannot stat standard stream %d", fd);
        if (S_ISDIR(st.st_mode)) {
                err_set(e, EISDIR, "standard stream %d is a directory of the host", fd);
                return err_hint(e, "redirect it, for example from /dev/null");
        }
        /* one that was not known as a terminal when the sandbox got its own */
        if (S_ISCHR(st.st_mode) && !(b->tty.on_pty & 1u << fd) && isatty(fd))
                return err_set(e, EPERM, "standard stream %d is a terminal of the host", fd);
        return 0;
}

/* All but the standard streams go at exec; the ones that were asked for stay. */
static int set_descriptors(struct box *b, struct err *e)
{
        if (enter_workdir(b, e) < 0 || fd_cloexec_others(e) < 0)
                return -e->code;
        for (int fd = 0; fd <= 2; fd++) {
                if (check_stream(b, fd, e) < 0)
                        return -e->code;
        }
        for (size_t i = 0; i < b->plan->report.n_keep_fds; i++) {
                if (fd_set_cloexec(b->plan->report.keep_fds[i], false, e) < 0)
                        return -e->code;
        }
        return 0;
}

static int enter_filter(struct box *b, struct err *e)
{
        if (b->launch->watch)
                return filter_enter_watched(b->launch->watch, e);
        return filter_enter(b->launch->filter, e);
}

typedef int payload_fn(struct box *b, struct err *e);

struct payload_step {
        enum step step;
        payload_fn *run;
};

static const struct payload_step payload_steps[] = {
        /* needs pid 1's session, which no other process may join later */
        { STEP_TERMINAL, set_up_terminal },
        /* of the very process that is to be confined to them; while /proc is within reach */
        { STEP_AUDIT, check_namespaces },
        /* needs no_new_privs, and the standard streams in their places; while every rule's path is
         * within reach.  Not pid 1's: its filter leaves it no file to open, and it must signal */
        { STEP_LANDLOCK, enter_landlock },
        /* raising a hard limit back needs CAP_SYS_RESOURCE: before it goes */
        { STEP_LIMITS, set_limits },
        { STEP_CREDENTIALS, become_user },
        /* as the user that will use them: what it cannot enter is an error now */
        { STEP_DESCRIPTORS, set_descriptors },
        { STEP_SECCOMP, enter_filter },
};

/* Pid 1 must be out of its own privileges, and its arguments gone, before foreign code can look. */
static int await_init(int pipe, struct err *e)
{
        char go;

        if (io_read(pipe, &go, 1) != 1)
                return err_set(e, EPIPE, "pid 1 ended before the payload was started");
        return 0;
}

/* No exec says so by itself: nobody was there to be asked. */
static void tell_unobserved(const struct box *b, struct err *e)
{
        if (!b->launch->watch || e->code != ENOSYS)
                return;
        e->step = STEP_SECCOMP;
        err_set(e, ENOSYS, "the observer ended before the command was started");
}

/* Never returns: what fails is told over the pipe; see payload_await() for what its end means. */
_Noreturn void payload_become(struct box *b, int pipe, const struct exec_image *image)
{
        struct err e = { 0 };
        struct err unused = { 0 };

        for (size_t i = 0; i < sizeof(payload_steps) / sizeof(payload_steps[0]); i++) {
                e.step = payload_steps[i].step;
                if (payload_steps[i].run(b, &e) < 0)
                        break;
        }
        /* after a failure, too: a word that was never read would be one of its own at the other end */
        await_init(pipe, e.code == 0 ? &e : &unused);
        if (e.code == 0) {
                e.step = STEP_START;
                /* an end of the pipe without it is a death on the way, and no start */
                if (io_write_all(pipe, "", 1, "pipe", &e) == 0) {
                        e.step = STEP_EXEC;
                        exec_run(image, &e);
                        tell_unobserved(b, &e);
                }
        }
        io_write_all(pipe, &e, sizeof(e), "pipe", &unused);
        _exit(127);
}

/*
 * The payload is under way by now: a failed read says nothing about it, and giving up on it would
 * end what may already run and call it never started.  So it is asked for again, within reason.
 */
static ssize_t read_news(int pipe, struct err *ret)
{
        int n_failed = 0;
        ssize_t n;

        do {
                n = read(pipe, ret, sizeof(*ret));
        } while (n < 0 && (errno == EINTR || n_failed++ < READ_AGAIN));
        return n;
}

/* One byte, and then the end: exec took the pipe away.  Anything else is why it did not. */
int payload_await(int pipe, struct err *e)
{
        struct err failure = { 0 };
        ssize_t n = read_news(pipe, &failure);
        bool is_ready = n == 1;

        if (is_ready)
                n = read_news(pipe, &failure);
        if (n < 0)
                return err_sys(e, "cannot learn whether the payload was started");
        if (n == 0 && is_ready)
                return 0;
        if (n != (ssize_t)sizeof(failure))
                return err_set(e, EPROTO, "the payload ended before it was started");
        *e = failure;
        e->text[sizeof(e->text) - 1] = '\0';
        if (e->code <= 0)
                e->code = EPROTO;
        return -e->code;
}

/*
 * Pid 1 keeps its place in the conversation, the terminal, the pipe to the payload, the lock of a
 * sandbox that is kept (nobody else may use it while the payload can), and the right to signal a
 * payload that runs as somebody else.  From here on its own filter holds it to that.
 */
struct rest {
        int sock;
        int pipe;
        int lock; /* -1: it is not kept */
        struct tty tty;
        uint64_t rights;
        pid_t payload;
};

static struct rest get_rest(const struct box *b, int pipe, pid_t payload)
{
        bool is_other = b->identity.uid != b->plan->ids.base_uid;

        return (struct rest){ .sock = b->sock,
                              .pipe = pipe,
                              .lock = b->launch->kept->lock,
                              .tty = b->tty,
                              .rights = is_other ? UINT64_C(1) << CAP_KILL : 0,
                              .payload = payload };
}

static int confine_init(const struct rest *r, struct err *e)
{
        int keep[4] = { r->sock, r->pipe };
        size_t n = 2;

        if (r->tty.slave >= 3)
                keep[n++] = r->tty.slave;
        if (r->lock >= 0)
                keep[n++] = r->lock;
        fd_sort(keep, n);
        if (fd_close_others(keep, n, e) < 0)
                return -e->code;
        proc_wipe_arguments("kelp-init");
        if (rights_set(r->rights, e) < 0)
                return -e->code;
        /* nothing is allocated from here on */
        mem_release_heap();
        return filter_enter_init(e);
}

int payload_let_go(int pipe, struct err *e)
{
        return io_write_all(pipe, "", 1, "pipe", e);
}

/* The payload is confined, or will say why not, and so is pid 1: now the launcher has the word. */
static int let_go(const struct rest *r, struct err *e)
{
        e->step = STEP_GO;
        if (sync_await(r->sock, SYNC_GO, NULL, NULL, 0, "the launcher", e) < 0)
                return -e->code;
        e->step = STEP_START;
        return payload_let_go(r->pipe, e);
}

static int audit(const struct box *b, struct err *e)
{
        e->step = STEP_AUDIT;
        if (audit_mounts(b->plan, &b->launch->view->tree, e) < 0 ||
            rights_check_bounding(&b->plan->confine, e) < 0)
                return -e->code;
        e->step = STEP_START;
        return 0;
}

static int start(struct box *b, struct rest *ret, struct err *e)
{
        struct exec_image image;
        autofd pipe = -1;

        e->step = STEP_START;
        if (exec_prepare(b->plan, b->identity.home, &image, e) < 0 ||
            tty_set_owner(&b->tty, b->identity.uid, e) < 0)
                return -e->code;
        pid_t pid = proc_fork_linked(&pipe, e);
        if (pid < 0)
                return err_prefix(e, "cannot start the payload");
        if (pid == 0)
                payload_become(b, pipe, &image);
        if (cpu_put_apart(&b->launch->cpus, pid, e) < 0 || audit(b, e) < 0)
                return -e->code;
        launch_view_drop(b->launch->view);
        *ret = get_rest(b, fd_take(&pipe), pid);
        return 0;
}

static _Noreturn void fail(int sock, const struct err *e)
{
        sync_send_failed(sock, e);
        _exit(1);
}

/*
 * Pid 1 from here on: it mostly sleeps, and there may be many of it, so what made it is given back.
 * All that it still needs is in this frame.
 */
static _Noreturn void live(const struct rest *from)
{
        struct rest r = *from;
        struct err e = { .step = STEP_START };

        mem_release_callers(__builtin_frame_address(0));
        mem_release_stack();
        if (confine_init(&r, &e) < 0 || let_go(&r, &e) < 0 || payload_await(r.pipe, &e) < 0)
                fail(r.sock, &e);
        fd_close(&r.pipe);
        if (sync_send(r.sock, SYNC_STARTED, r.payload, NULL, 0, &e) < 0)
                fail(r.sock, &e);
        init_main(r.sock, r.payload, &r.tty);
}

_Noreturn void payload_run(struct box *b, struct err *e)
{
        struct rest rest;

        if (start(b, &rest, e) < 0)
                fail(b->sock, e);
        live(&rest);
}
