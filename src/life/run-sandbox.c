#include "run-sandbox.h"

#include "hint.h"
#include "launch.h"
#include "log.h"
#include "root.h"
#include "seccomp-filters.h"
#include "slirp.h"
#include "status.h"
#include "step.h"
#include "supervise.h"
#include "userns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

/*
 * One run from the checked plan to the exit status.  The plan and the tree are const for everybody
 * below; what the run becomes is in struct run.
 */

static int find_filter(const struct plan *p, struct sock_fprog *ret, struct err *e)
{
        char name[80];
        const struct seccomp_filter *filter;

        snprintf(name, sizeof(name), "%s%s", p->confine.filter,
                 p->confine.may_nest_userns ? "+userns" : "");
        filter = seccomp_filter_find(name);
        if (!filter)
                return err_set(e, ENOENT, "there is no seccomp filter '%s'", name);
        ret->len = filter->len;
        ret->filter = (struct sock_filter *)filter->insns;
        return 0;
}

static void tell_fallback(const struct err *why)
{
        log_notice("%.*s; running with one id (--userns single says so quietly)",
                   err_message_len(why), why->text);
}

static int prepare(const struct plan *p, struct id_maps *maps, struct kept *kept,
                   struct sock_fprog *filter, struct err *e)
{
        e->step = STEP_SOURCES;
        if (find_filter(p, filter, e) < 0 || userns_choose_maps(p, maps, e) < 0)
                return -e->code;
        if (maps->fallback.code != 0)
                tell_fallback(&maps->fallback);
        if (kept_open(p, kept, e) < 0 || kept_check_ids(kept, p, maps->by_helper, e) < 0)
                return -e->code;
        e->step = STEP_NONE;
        return 0;
}

/* Beside the stage, which makes the namespaces meanwhile. */
static int fill_view(const struct plan *p, struct launch_view *view, struct err *e)
{
        e->step = STEP_SOURCES;
        if (tree_build(p, &view->tree, e) < 0 || audit_read_namespaces(&view->outer, e) < 0)
                return -e->code;
        e->step = STEP_NONE;
        return 0;
}

static int bring_up(const struct launch *l, struct launch_view *view, struct run *r, struct err *e)
{
        if (launch_start(l, r, e) < 0 || fill_view(l->plan, view, e) < 0) {
                launch_abandon(r);
                return -e->code;
        }
        if (launch_continue(l, r, e) < 0)
                return -e->code;
        e->step = STEP_NETWORK;
        if (slirp_start(l->plan, r, e) < 0)
                return -e->code;
        e->step = STEP_NONE;
        if (launch_await_ready(l->plan, r, e) < 0)
                return -e->code;
        e->step = STEP_NETWORK;
        if (slirp_await(r, l->plan, e) < 0)
                return -e->code;
        e->step = STEP_NONE;
        supervise_hold_signals();
        return launch_go(l->plan, r, e);
}

static enum host_topic topic_of(int step)
{
        switch (step) {
        case STEP_USERNS:
                return HOST_TOPIC_USERNS;
        case STEP_ID_MAPS:
                return HOST_TOPIC_ID_MAP;
        case STEP_NAMESPACES:
        case STEP_CLONE_INIT:
        case STEP_NETNS:
        case STEP_IDENTITY:
                return HOST_TOPIC_NAMESPACES;
        case STEP_PROPAGATION:
        case STEP_ROOT:
        case STEP_KERNEL_VIEW:
        case STEP_PIVOT:
                return HOST_TOPIC_MOUNT;
        case STEP_NETWORK:
                return HOST_TOPIC_NETWORK;
        case STEP_LOOPBACK:
                return HOST_TOPIC_LOOPBACK;
        case STEP_LANDLOCK:
                return HOST_TOPIC_LANDLOCK;
        case STEP_KEYRING:
        case STEP_SECCOMP:
                return HOST_TOPIC_SECCOMP;
        default:
                return HOST_TOPIC_NONE;
        }
}

static int status_of(const struct err *e)
{
        if (e->step != STEP_EXEC)
                return EXIT_FAILED;
        return e->code == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}

static bool is_changed(const struct tree_watch *w, const struct stat *st)
{
        int64_t changed_ns = st->st_ctim.tv_sec * INT64_C(1000000000) + st->st_ctim.tv_nsec;

        return st->st_dev != w->dev || st->st_ino != w->ino || changed_ns != w->changed_ns;
}

/* Files that somebody outside will run or obey: those that are new, and those that are others. */
static void report_protected(const struct tree *t)
{
        for (size_t i = 0; i < t->n_watched; i++) {
                const struct tree_watch *w = &t->watched[i];
                struct stat st;

                if (fstatat(AT_FDCWD, w->host_path, &st, AT_SYMLINK_NOFOLLOW) < 0)
                        continue;
                if (!w->is_there)
                        log_notice("the sandbox made '%s', which takes effect outside of it: look "
                                   "at it before you use it",
                                   w->host_path);
                else if (is_changed(w, &st))
                        log_notice("'%s' takes effect outside of the sandbox and was changed "
                                   "during the run: look at it before you use it",
                                   w->host_path);
        }
}

static int exit_code_of(const struct supervise_end *end)
{
        if (end->reason == SUPERVISE_TIMEOUT)
                return EXIT_TIMEOUT;
        return proc_exit_code(end->wait_status);
}

static void tell_end(const struct plan *p, const struct supervise_end *end)
{
        static const char *const reasons[] = {
                [SUPERVISE_EXIT] = "exit",
                [SUPERVISE_SIGNAL] = "signal",
                [SUPERVISE_TIMEOUT] = "timeout",
        };

        status_exited(p->report.status_fd, exit_code_of(end),
                      WIFSIGNALED(end->wait_status) ? WTERMSIG(end->wait_status) : 0,
                      reasons[end->reason]);
}

static int run_with(struct launch *l, struct launch_view *view, struct run_result *ret,
                    struct err *e)
{
        const struct plan *p = l->plan;
        struct run r = RUN_NONE;
        struct supervise_end end = { 0 };

        cpu_choose(&l->cpus);
        int code = bring_up(l, view, &r, e);
        if (code == 0) {
                status_started(p->report.status_fd, r.init.pid, p->name);
                e->step = STEP_SUPERVISE;
                code = supervise_run(p, &r, &end, e);
        }
        run_done(&r);
        if (code < 0)
                return code;
        ret->exit_code = exit_code_of(&end);
        if (WIFSIGNALED(end.wait_status))
                ret->signal = WTERMSIG(end.wait_status);
        if (end.reason == SUPERVISE_TIMEOUT)
                log_notice("the time limit ended the run");
        report_protected(&view->tree);
        tell_end(p, &end);
        return 0;
}

/*
 * Subordinate ids may be given to the user and still be refused, as in an outer namespace that does
 * not have them.  With --userns auto one id serves then, too: nothing was started yet.
 */
static bool may_run_with_one_id(const struct plan *p, const struct id_maps *maps,
                                const struct err *e)
{
        return e->step == STEP_ID_MAPS && maps->by_helper && p->ids.mode == PLAN_USERNS_AUTO;
}

static int run_with_one_id(struct launch *l, struct launch_view *view, struct id_maps *maps,
                           struct kept *kept, struct run_result *ret, struct err *e)
{
        tell_fallback(e);
        *e = (struct err){ .step = STEP_SOURCES };
        userns_single_maps(l->plan, maps);
        if (kept_check_ids(kept, l->plan, false, e) < 0)
                return -e->code;
        *e = (struct err){ 0 };
        return run_with(l, view, ret, e);
}

int run_sandbox(const struct plan *p, struct run_result *ret, struct err *e)
{
        struct sock_fprog filter = { 0 };
        struct kept kept = KEPT_NONE;
        struct id_maps maps;
        struct launch_view *view = launch_view_new(e);
        struct launch l = {
                .plan = p, .view = view, .maps = &maps, .kept = &kept, .filter = &filter
        };

        int code = view ? prepare(p, &maps, &kept, &filter, e) : -e->code;
        if (code == 0)
                code = run_with(&l, view, ret, e);
        if (code < 0 && may_run_with_one_id(p, &maps, e))
                code = run_with_one_id(&l, view, &maps, &kept, ret, e);
        launch_view_free(&view);
        kept_done(&kept);
        if (code < 0) {
                host_hint(e, topic_of(e->step));
                status_setup_failed(p->report.status_fd, e, step_name((enum step)e->step));
                ret->exit_code = status_of(e);
        }
        return code;
}
