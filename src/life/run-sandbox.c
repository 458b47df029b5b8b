#include "run-sandbox.h"

#include "hint.h"
#include "image-copy.h"
#include "image-layers.h"
#include "launch.h"
#include "limit-tier.h"
#include "log.h"
#include "mem.h"
#include "run-hint.h"
#include "run-once.h"
#include "scope.h"
#include "status.h"
#include "step.h"
#include "userns.h"

#include <errno.h>
#include <unistd.h>

/*
 * One run from the checked plan to the exit status: what it needs is chosen and held, and where the
 * machine refuses that, it is tried with less.
 */

static void tell_fallback(const struct err *why)
{
        log_notice("%.*s; running with one id (--userns single says so quietly)",
                   err_message_len(why), why->text);
}

MEM_OWN_FRAME static int prepare(const struct plan *p, struct id_maps *maps, struct kept *kept,
                                 struct err *e)
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

/*
 * Subordinate ids may be given to the user and still be refused, as in an outer namespace that does
 * not have them.  With --userns auto one id serves then, too: nothing was started yet.
 */
static bool may_run_with_one_id(const struct plan *p, const struct id_maps *maps,
                                const struct err *e)
{
        return e->step == STEP_ID_MAPS && maps->by_helper && p->ids.mode == PLAN_USERNS_AUTO;
}

MEM_OWN_FRAME static int run_with_one_id(const struct launch *l, struct id_maps *maps,
                                         struct kept *kept, struct run_result *ret, struct err *e)
{
        tell_fallback(e);
        *e = (struct err){ .step = STEP_SOURCES };
        userns_single_maps(l->plan, maps);
        if (kept_check_ids(kept, l->plan, false, e) < 0)
                return -e->code;
        *e = (struct err){ 0 };
        return run_once(l, ret, e);
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

MEM_OWN_FRAME static int run_on_copy(const struct launch *base, struct id_maps *maps,
                                     struct run_result *ret, struct err *e)
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
        return run_once(&l, ret, e);
}

/* Of a word that was mistyped no sandbox is to be left, which would keep the image, too. */
MEM_OWN_FRAME static void take_back_kept(const struct plan *p, const struct kept *kept,
                                         bool has_run, struct err *why)
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

/* Who enforces which limit; a scope that is needed for it is asked for. */
MEM_OWN_FRAME static int find_tiers(const struct plan *p, const struct detach *detach,
                                    struct limit_tiers *ret, struct err *e)
{
        e->step = STEP_LIMITS;
        /* who has started us in the background waits, in the same cgroup */
        if (limit_tiers_choose(&p->limits, detach ? getppid() : 0, ret, e) < 0 ||
            scope_get(&p->limits, ret, e) < 0)
                return -e->code;
        limit_tiers_tell(ret);
        e->step = STEP_NONE;
        return 0;
}

MEM_OWN_FRAME static void tell_failed(const struct plan *p, struct err *why)
{
        struct err lost = { 0 };

        run_hint(p, why);
        host_hint(why, topic_of(p, why->step));
        if (status_setup_failed(p->report.status_fd, why, step_name((enum step)why->step), &lost) <
            0)
                log_err(&lost);
}

int run_sandbox(const struct plan *p, struct image_hold *hold, struct review *review,
                const struct observe_request *request, struct detach *detach,
                struct run_result *ret, struct err *e)
{
        struct kept kept = KEPT_NONE;
        struct limit_tiers tiers;
        /* pages for paths that mostly nobody uses */
        autofree struct id_maps *maps = mem_alloc(sizeof(*maps), e);
        const struct launch l = { .plan = p,
                                  .maps = maps,
                                  .hold = hold,
                                  .kept = &kept,
                                  .tiers = &tiers,
                                  .request = request,
                                  .detach = detach,
                                  .review = review };

        if (!maps)
                return -e->code;
        int code = find_tiers(p, detach, &tiers, e);
        if (code == 0)
                code = prepare(p, maps, &kept, e);
        if (code == 0)
                code = run_once(&l, ret, e);
        if (code < 0 && may_run_with_one_id(p, maps, e))
                code = run_with_one_id(&l, maps, &kept, ret, e);
        if (code < 0 && may_run_on_copy(p, maps, e))
                code = run_on_copy(&l, maps, ret, e);
        if (code < 0)
                take_back_kept(p, &kept, ret->has_run, e);
        kept_done(&kept);
        if (code < 0) {
                tell_failed(p, e);
                ret->exit_code = status_of(e);
        }
        return code;
}
