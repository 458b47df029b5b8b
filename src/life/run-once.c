#include "run-once.h"

#include "detach.h"
#include "end-words.h"
#include "explain.h"
#include "filter-find.h"
#include "filtered.h"
#include "image-copy.h"
#include "image-layers.h"
#include "log.h"
#include "mem.h"
#include "overlay.h"
#include "own-box.h"
#include "review-end.h"
#include "review-guard.h"
#include "review.h"
#include "root.h"
#include "run-protected.h"
#include "run-sandbox.h"
#include "shared.h"
#include "slirp.h"
#include "status.h"
#include "step.h"
#include "supervise.h"
#include "view-tell.h"

#include <errno.h>
#include <sys/wait.h>

/*
 * From the launch to the end of the supervision.  The plan is const for everybody below, and so is
 * the view once it is filled; what the run becomes is in struct run.
 */

/* They stay: a directory that is removed takes along what other sandboxes have mounted on it. */
static int make_state_dirs(const struct plan_files *files, struct err *e)
{
        for (size_t i = 0; i < files->n_state_dirs; i++) {
                const char *path = files->state_dirs[i];
                size_t n_missing = 0;

                if (shared_is_above(files, path, true, &n_missing) && n_missing > 0 &&
                    state_make_root(path, e) < 0)
                        return -e->code;
        }
        return 0;
}

/* Beside the stage, which makes the namespaces meanwhile. */
static int fill_view(const struct launch *l, struct launch_view *view, struct err *e)
{
        bool fakes_root = plan_fakes_root(l->plan, !l->maps->by_helper);

        e->step = STEP_SOURCES;
        /* what is to be hidden must be there, or a payload could make it */
        if (make_state_dirs(&l->plan->files, e) < 0 ||
            review_guard_take(l->guard, &l->plan->files, e) < 0)
                return -e->code;
        if (tree_build(l->plan, fakes_root, &view->tree, e) < 0 ||
            audit_read_namespaces(&view->outer, e) < 0)
                return -e->code;
        view->cores = rlimits_find_handler("/proc/sys/kernel/core_pattern");
        e->step = STEP_NONE;
        return 0;
}

/* While pid 1 builds the root there is time for it. */
static int put_into_state(const struct launch *l, const struct run *r, struct own_box *box,
                          struct err *e)
{
        e->step = STEP_STATE;
        if (own_box_open(box, l, r->init.pid, l->detach ? l->detach->capture : NULL, e) < 0)
                return -e->code;
        e->step = STEP_NONE;
        return 0;
}

static int start(const struct launch *l, struct run *r, struct err *e)
{
        if (launch_start(l, r, e) < 0 || fill_view(l, l->view, e) < 0)
                return -e->code;
        view_tell(l->plan, &l->view->tree);
        if (overlay_make(&l->view->tree, e) < 0 || review_start(l->plan, &l->view->tree, e) < 0)
                return -e->code;
        return launch_continue(l, r, e);
}

MEM_OWN_FRAME static int bring_up(const struct launch *l, struct run *r, struct observe *o,
                                  struct own_box *box, struct err *e)
{
        sigset_t held;

        if (start(l, r, e) < 0) {
                launch_abandon(r);
                return -e->code;
        }
        if (put_into_state(l, r, box, e) < 0)
                return -e->code;
        e->step = STEP_NETWORK;
        if (slirp_start(l->plan, r, e) < 0 || filtered_start(l->plan, r, e) < 0)
                return -e->code;
        e->step = STEP_NONE;
        /* a call for each, while there is time for it */
        supervise_find_signals(&held);
        if (launch_await_ready(l, r, e) < 0)
                return -e->code;
        e->step = STEP_NETWORK;
        if (slirp_await(r, l->plan, e) < 0 || filtered_await(r, l->plan, e) < 0)
                return -e->code;
        e->step = STEP_NONE;
        if (l->copy && run_copy_bind(l->copy, r->init.pidfd, e) < 0)
                return -e->code;
        e->step = STEP_SECCOMP;
        if (observe_start(o, l->plan, &l->view->tree, r->proxy_control, e) < 0)
                return -e->code;
        e->step = STEP_NONE;
        supervise_hold_signals(&held);
        /* the last step: who reads the file is not to find a run that never comes about */
        e->step = STEP_GO;
        if (pid_file_make(l->plan->report.pid_file, &l->view->tree, &box->pid_file, e) < 0)
                return -e->code;
        e->step = STEP_NONE;
        return launch_go(l, r, e);
}

static int exit_code_of(const struct supervise_end *end)
{
        if (end->reason == SUPERVISE_TIMEOUT)
                return EXIT_TIMEOUT;
        return proc_exit_code(end->wait_status);
}

/*
 * Who cannot hear of the start hears no more: the command runs by now, and is not to be ended
 * because somebody has stopped listening.
 */
static bool tell_start(const struct plan *p, int pid)
{
        struct err lost = { 0 };

        if (status_network(p->report.status_fd, &p->net, &lost) == 0 &&
            status_started(p->report.status_fd, pid, p->name, &lost) == 0)
                return true;
        err_prefix(&lost, "the run goes on");
        log_err(&lost);
        return false;
}

static void tell_end(const struct plan *p, const struct supervise_end *end)
{
        struct err lost = { 0 };

        if (status_exited(p->report.status_fd, exit_code_of(end),
                          WIFSIGNALED(end->wait_status) ? WTERMSIG(end->wait_status) : 0,
                          end_reason_name(end->reason), &lost) < 0)
                log_err(&lost);
}

/* Once the command runs, the pidfile is there and the status says so. */
static void tell_ready(const struct plan *p)
{
        struct err lost = { 0 };

        if (status_ready(p->report.ready_fd, &lost) == 0)
                return;
        err_prefix(&lost, "the run goes on");
        log_err(&lost);
}

/* What is to be done when the payload runs; *ret_told: who reads the status has heard of it. */
MEM_OWN_FRAME static int tell_all(const struct launch *l, struct own_box *box, int pid,
                                  bool *ret_told, struct err *e)
{
        *ret_told = tell_start(l->plan, pid);
        e->step = STEP_STATE;
        if (own_box_started(box, e) < 0 ||
            (l->detach && detach_tell_started(l->detach, box->status.id, e) < 0))
                return -e->code;
        tell_ready(l->plan);
        e->step = STEP_SUPERVISE;
        return 0;
}

/* All that there is to say of a run that has ended, before anybody is told of its end. */
MEM_OWN_FRAME static int conclude(const struct launch *l, struct observe *o, struct own_box *box,
                                  const struct supervise_end *end, bool is_told, struct err *e)
{
        const struct plan *p = l->plan;

        log_was_shared();
        own_box_take_last(box);
        end_tell_limit(&p->limits, end->reason);
        run_tell_protected(&l->view->tree);
        if (!l->request)
                explain_report(o, p, &l->view->tree);
        if (l->review)
                review_end(l->review, l->detach != NULL);
        if (is_told)
                tell_end(p, end);
        return l->request ? explain_answer(o, l->request, e) : 0;
}

static int run_in_state(const struct launch *l, struct observe *o, struct own_box *box,
                        struct run_result *ret, struct err *e)
{
        struct run r = RUN_NONE;
        struct supervise_end end = { 0 };
        bool is_told = true;
        int code = bring_up(l, &r, o, box, e);

        /* who was told to go and then said nothing may have done so */
        ret->has_run = code == 0 || e->step == STEP_START;
        if (code == 0)
                code = tell_all(l, box, r.init.pid, &is_told, e);
        if (code == 0)
                code = supervise_run(l, &r, box, &end, e);
        run_done(&r);
        /* before the end is told: who hears of it may start anew */
        pid_file_done(&box->pid_file);
        if (code < 0)
                return code;
        ret->exit_code = exit_code_of(&end);
        if (WIFSIGNALED(end.wait_status))
                ret->signal = WTERMSIG(end.wait_status);
        code = conclude(l, o, box, &end, is_told, e);
        own_box_end(box, ret->exit_code, ret->signal, end_reason_name(end.reason));
        return code;
}

static int run_launch(const struct launch *l, struct observe *o, struct run_result *ret,
                      struct err *e)
{
        struct own_box box = OWN_BOX_NONE;

        if (image_layers_get(l->plan, l->maps, l->hold, e) < 0)
                return -e->code;
        int code = run_in_state(l, o, &box, ret, e);
        own_box_done(&box);
        return code;
}

int run_once(const struct launch *base, struct run_result *ret, struct err *e)
{
        __attribute__((cleanup(observe_done))) struct observe observe = OBSERVE_NONE;
        __attribute__((cleanup(review_guard_done))) struct review_guard guard = REVIEW_GUARD_NONE;
        autofilter filter = { 0 };
        struct launch l = *base;

        e->step = STEP_SOURCES;
        if (filter_find(l.plan, !l.maps->by_helper, &filter, e) < 0 ||
            explain_prepare(l.plan, l.request, &filter.program, &observe, e) < 0)
                return -e->code;
        l.guard = &guard;
        l.filter = &filter.program;
        l.watch = observe_is_on(&observe) ? &observe.watch : NULL;
        l.view = launch_view_new(e);
        if (!l.view)
                return -e->code;
        e->step = STEP_NONE;
        cpu_choose(&l.cpus);
        int code = run_launch(&l, &observe, ret, e);
        launch_view_free(&l.view);
        return code;
}
