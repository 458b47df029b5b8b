#include "run-sandbox.h"

#include "detach.h"
#include "end-words.h"
#include "explain.h"
#include "filter-find.h"
#include "filtered.h"
#include "hint.h"
#include "image-copy.h"
#include "image-layers.h"
#include "launch.h"
#include "limit-tier.h"
#include "log.h"
#include "overlay.h"
#include "own-box.h"
#include "review.h"
#include "root.h"
#include "run-hint.h"
#include "run-protected.h"
#include "slirp.h"
#include "status.h"
#include "step.h"
#include "supervise.h"
#include "userns.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>

/*
 * One run from the checked plan to the exit status.  The plan is const for everybody below, and so
 * is the view once it is filled; what the run becomes is in struct run.
 */

static void tell_fallback(const struct err *why)
{
        log_notice("%.*s; running with one id (--userns single says so quietly)",
                   err_message_len(why), why->text);
}

static int prepare(const struct plan *p, struct id_maps *maps, struct kept *kept, struct err *e)
{
        struct err fallback = { 0 };

        e->step = STEP_SOURCES;
        if (userns_choose_maps(p, maps, &fallback, e) < 0)
                return -e->code;
        if (fallback.code != 0)
                tell_fallback(&fallback);
        if (kept_open(p, kept, e) < 0 || kept_check_ids(kept, p, maps->by_helper, e) < 0)
                return -e->code;
        e->step = STEP_NONE;
        return 0;
}

static void tell_open_repos(const struct tree *t)
{
        if (t->n_open_repos > 0)
                log_notice("%zu more git repositories in subdirectories are not protected: their "
                           "hooks and configuration can be changed",
                           t->n_open_repos);
}

/* Beside the stage, which makes the namespaces meanwhile. */
static int fill_view(const struct launch *l, struct launch_view *view, struct err *e)
{
        bool fakes_root = plan_fakes_root(l->plan, !l->maps->by_helper);

        e->step = STEP_SOURCES;
        if (tree_build(l->plan, fakes_root, &view->tree, e) < 0 ||
            audit_read_namespaces(&view->outer, e) < 0)
                return -e->code;
        e->step = STEP_NONE;
        return 0;
}

/* While pid 1 builds the root there is time for it. */
static int put_into_state(const struct launch *l, const struct run *r, struct own_box *box,
                          struct err *e)
{
        e->step = STEP_STATE;
        if (own_box_open(box, l->plan, r->init.pid, l->detach ? l->detach->capture : NULL, e) < 0)
                return -e->code;
        e->step = STEP_NONE;
        return 0;
}

static int start(const struct launch *l, struct run *r, struct err *e)
{
        if (launch_start(l, r, e) < 0 || fill_view(l, l->view, e) < 0)
                return -e->code;
        tell_open_repos(&l->view->tree);
        if (overlay_make(&l->view->tree, e) < 0 || review_start(l->plan, &l->view->tree, e) < 0)
                return -e->code;
        return launch_continue(l, r, e);
}

static int bring_up(const struct launch *l, struct run *r, struct observe *o, struct own_box *box,
                    struct err *e)
{
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
        supervise_hold_signals();
        /* the last step: who reads the file is not to find a run that never comes about */
        e->step = STEP_GO;
        if (pid_file_make(l->plan->report.pid_file, &l->view->tree, &box->pid_file, e) < 0)
                return -e->code;
        e->step = STEP_NONE;
        return launch_go(l, r, e);
}

static enum host_topic topic_of(const struct plan *p, int step)
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
        case STEP_OVERLAY:
                return HOST_TOPIC_OVERLAY;
        case STEP_NETWORK:
                return p->net.mode == PLAN_NETWORK_FILTERED ? HOST_TOPIC_FILTERED
                                                            : HOST_TOPIC_NETWORK;
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
static int tell_all(const struct launch *l, struct own_box *box, int pid, bool *ret_told,
                    struct err *e)
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

/* All that there is to say of a run that has ended. */
static int conclude(const struct launch *l, struct observe *o, const struct supervise_end *end,
                    bool is_told, struct err *e)
{
        const struct plan *p = l->plan;

        end_tell_limit(&p->limits, end->reason);
        run_tell_protected(&l->view->tree);
        if (!l->request)
                explain_report(o, p, &l->view->tree);
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
                code = supervise_run(l, &r, box->serve, &end, e);
        run_done(&r);
        /* before the end is told: who hears of it may start anew */
        pid_file_done(&box->pid_file);
        if (code < 0)
                return code;
        ret->exit_code = exit_code_of(&end);
        if (WIFSIGNALED(end.wait_status))
                ret->signal = WTERMSIG(end.wait_status);
        code = conclude(l, o, &end, is_told, e);
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

/* `base` has the plan, the maps, and what is held. */
static int run_with(const struct launch *base, struct run_result *ret, struct err *e)
{
        __attribute__((cleanup(observe_done))) struct observe observe = OBSERVE_NONE;
        autofilter filter = { 0 };
        struct launch l = *base;

        e->step = STEP_SOURCES;
        if (filter_find(l.plan, !l.maps->by_helper, &filter, e) < 0 ||
            explain_prepare(l.plan, l.request, &filter.program, &observe, e) < 0)
                return -e->code;
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

/*
 * Subordinate ids may be given to the user and still be refused, as in an outer namespace that does
 * not have them.  With --userns auto one id serves then, too: nothing was started yet.
 */
static bool may_run_with_one_id(const struct plan *p, const struct id_maps *maps,
                                const struct err *e)
{
        return e->step == STEP_ID_MAPS && maps->by_helper && p->ids.mode == PLAN_USERNS_AUTO;
}

static int run_with_one_id(const struct launch *l, struct id_maps *maps, struct kept *kept,
                           struct run_result *ret, struct err *e)
{
        tell_fallback(e);
        *e = (struct err){ .step = STEP_SOURCES };
        userns_single_maps(l->plan, maps);
        if (kept_check_ids(kept, l->plan, false, e) < 0)
                return -e->code;
        *e = (struct err){ 0 };
        return run_with(l, ret, e);
}

/*
 * The kernel has no overlay file system, does not let this user mount one, or not of these
 * directories or so many.
 */
static bool is_overlay_refused(const struct err *e)
{
        return e->step == STEP_OVERLAY &&
               (e->code == ENODEV || e->code == EPERM || e->code == EACCES || e->code == EINVAL ||
                e->code == EOPNOTSUPP || e->code == E2BIG);
}

/* What only an overlay can do is not given up for a copy. */
static bool may_run_on_copy(const struct plan *p, const struct id_maps *maps, struct err *e)
{
        if (p->root != PLAN_ROOT_IMAGE || !is_overlay_refused(e))
                return false;
        if (p->image.kept_dir && err_get_hint(e))
                return false;
        if (p->image.kept_dir)
                err_hint(e, "without --keep a copy of the image's files would do");
        else if (maps->by_helper && p->ids.mode == PLAN_USERNS_SUBIDS)
                err_hint(e, "with --userns single a copy of the image's files would do");
        else
                return true;
        return false;
}

/* The run is over, or never was: what fails here is said, and is none of its end. */
static void copy_done(struct run_copy *copy)
{
        struct err lost = { 0 };
        bool was_made = copy->path != NULL;

        /* why there is none was said */
        if (run_copy_remove(copy, &lost) == 0 || !was_made)
                return;
        err_prefix(&lost, "the copy of the image's files may not be gone");
        log_err(&lost);
}

static int make_copy(const struct launch *l, struct id_maps *maps, struct run_copy *copy,
                     struct err *e)
{
        /* a copy has one owner, so there is one id in the sandbox, too */
        userns_single_maps(l->plan, maps);
        if (image_layers_get(l->plan, maps, l->hold, e) < 0)
                return -e->code;
        e->step = STEP_SOURCES;
        if (run_copy_make(l->plan, copy, e) < 0)
                return -e->code;
        e->step = STEP_NONE;
        return 0;
}

static int run_on_copy(const struct launch *base, struct id_maps *maps, struct run_result *ret,
                       struct err *e)
{
        __attribute__((cleanup(copy_done))) struct run_copy copy = RUN_COPY_NONE;
        struct launch l = *base;

        log_notice("%.*s; using a copy of the image's files, which takes longer%s",
                   err_message_len(e), e->text, maps->by_helper ? ", and one id" : "");
        *e = (struct err){ 0 };
        if (make_copy(base, maps, &copy, e) < 0)
                return -e->code;
        const struct image_copy image = { copy.path, copy.root, copy.sock };
        l.copy = &image;
        return run_with(&l, ret, e);
}

/* Of a word that was mistyped no sandbox is to be left, which would keep the image, too. */
static void take_back_kept(const struct plan *p, const struct kept *kept, bool has_run,
                           struct err *why)
{
        struct err lost = { 0 };

        if (has_run && kept->is_new && !err_get_hint(why))
                err_hint(why,
                         "the sandbox '%s' is kept, as its command may have run; `kelp rm %s` "
                         "removes it",
                         p->name, p->name);
        if (has_run || kept_take_back(kept, p, &lost) == 0)
                return;
        err_prefix(&lost, "the sandbox '%s' stays, though nothing ran in it", p->name);
        err_hint(&lost, "`kelp rm %s` removes it", p->name);
        log_err(&lost);
}

int run_sandbox(const struct plan *p, struct image_hold *hold,
                const struct observe_request *request, struct detach *detach,
                struct run_result *ret, struct err *e)
{
        struct kept kept = KEPT_NONE;
        struct id_maps maps;
        struct err lost = { 0 };
        struct limit_tiers tiers;
        const struct launch l = { .plan = p,
                                  .maps = &maps,
                                  .hold = hold,
                                  .kept = &kept,
                                  .tiers = &tiers,
                                  .request = request,
                                  .detach = detach };
        e->step = STEP_LIMITS;
        int code = limit_tiers_choose(&p->limits, &tiers, e);

        if (code == 0) {
                limit_tiers_tell(&tiers);
                code = prepare(p, &maps, &kept, e);
        }
        if (code == 0)
                code = run_with(&l, ret, e);
        if (code < 0 && may_run_with_one_id(p, &maps, e))
                code = run_with_one_id(&l, &maps, &kept, ret, e);
        if (code < 0 && may_run_on_copy(p, &maps, e))
                code = run_on_copy(&l, &maps, ret, e);
        if (code < 0)
                take_back_kept(p, &kept, ret->has_run, e);
        kept_done(&kept);
        if (code < 0) {
                run_hint(p, e);
                host_hint(e, topic_of(p, e->step));
                if (status_setup_failed(p->report.status_fd, e, step_name((enum step)e->step),
                                        &lost) < 0)
                        log_err(&lost);
                ret->exit_code = status_of(e);
        }
        return code;
}
