#include "own-box.h"

#include "limit-tier.h"
#include "log.h"
#include "proc.h"
#include "review.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void set_limit(struct box_limit *ret, uint64_t amount, const char *by)
{
        ret->amount = amount;
        snprintf(ret->by, sizeof(ret->by), "%s", by ? by : "");
}

static void set_limits(struct box_status *s, const struct plan_limits *limits,
                       const struct limit_tiers *tiers)
{
        set_limit(&s->memory, limits->memory, limit_memory_name(tiers->memory));
        set_limit(&s->cpus, limits->cpus_milli, limit_cpus_name(tiers->cpus));
        set_limit(&s->processes, limits->processes, limit_processes_name(tiers->processes));
}

/* What the status says of a run that has not begun. */
static int describe(const struct launch *l, struct own_box *b, pid_t init, struct err *e)
{
        const struct plan *p = l->plan;
        struct box_status *s = &b->status;
        int r;

        *s = (struct box_status){
                /* nobody can ask before the payload runs: only a detached one is written twice */
                .phase = p->report.is_detached ? BOX_STARTING : BOX_RUNNING,
                .supervisor = getpid(),
                .init = init,
                .created_s = (int64_t)time(NULL),
                .exit_code = -1,
                .is_detached = p->report.is_detached,
                .has_tty = p->exec.force_tty,
                .is_transient = p->report.is_transient || !p->report.is_detached,
        };
        memcpy(s->id, b->box.id, sizeof(s->id));
        box_status_set_text(s->name, sizeof(s->name), p->name ? p->name : "");
        box_status_set_text(s->policy, sizeof(s->policy), p->policy_name ? p->policy_name : "");
        box_status_set_text(s->image, sizeof(s->image), p->image.name ? p->image.name : "");
        box_status_set_command(s, p->exec.argv);
        set_limits(s, &p->limits, l->tiers);
        r = proc_start_time(s->supervisor, &s->supervisor_start);
        if (r == 0)
                r = proc_start_time(init, &s->init_start);
        return r < 0 ? err_set(e, -r, "cannot tell when pid 1 of the sandbox was started: %s",
                               err_name(-r))
                     : 0;
}

/* What a run has written is found by the id of the run. */
static_assert(REVIEW_ID_LEN + 1 == BOX_ID_SIZE, "an id of a review is one of a sandbox");

static int put(struct own_box *b, const struct launch *l, pid_t init, struct capture *capture,
               struct err *e)
{
        if (state_make_box(l->plan->name, l->review ? l->review->id : NULL, &b->box, e) < 0)
                return -e->code;
        if (capture && box_log_open(&capture->log, b->box.dir, e) < 0)
                return -e->code;
        b->serve = serve_new(b->box.dir, capture, e);
        if (!b->serve || describe(l, b, init, e) < 0)
                return -e->code;
        return state_begin_status(&b->box, &b->status, e);
}

int own_box_open(struct own_box *b, const struct launch *l, pid_t init, struct capture *capture,
                 struct err *e)
{
        const struct plan *p = l->plan;
        struct err why = { .step = e->step };

        if (put(b, l, init, capture, &why) == 0)
                return 0;
        own_box_done(b);
        if (p->name || p->report.is_detached) {
                *e = why;
                return -e->code;
        }
        /* there it is nothing new, and whoever asks kelp for a sandbox is told */
        if (state_is_others())
                return 0;
        log_notice("%.*s, ignoring: `kelp ps` does not list this run", err_message_len(&why),
                   why.text);
        return 0;
}

int own_box_started(struct own_box *b, struct err *e)
{
        if (b->box.dir < 0 || b->status.phase == BOX_RUNNING)
                return 0;
        b->status.phase = BOX_RUNNING;
        return state_write_status(&b->box, &b->status, e);
}

static void leave_status(struct own_box *b, int exit_code, int signal, const char *reason)
{
        struct box_status *s = &b->status;
        struct err lost = { 0 };

        s->phase = BOX_EXITED;
        s->ended_s = (int64_t)time(NULL);
        s->exit_code = exit_code;
        s->signal = signal;
        box_status_set_text(s->reason, sizeof(s->reason), reason);
        if (state_write_status(&b->box, s, &lost) < 0)
                log_err(&lost);
        state_box_done(&b->box);
}

void own_box_exited(struct own_box *b)
{
        /* a name is not given anew while there is still something of the sandbox */
        if (b->box.dir < 0 || b->box.name[0] || b->status.is_detached)
                return;
        state_remove_own(&b->box);
        serve_hear_last(b->serve);
}

void own_box_take_last(struct own_box *b)
{
        struct err lost = { 0 };

        if (b->serve && serve_take_last(b->serve, &lost) < 0) {
                err_prefix(&lost, "the log may lack some of what follows");
                log_err(&lost);
        }
}

void own_box_end(struct own_box *b, int exit_code, int signal, const char *reason)
{
        if (!b->serve)
                return;
        serve_drain(b->serve);
        /* who is told of the end finds the name free, or the status as it stays */
        if (b->status.is_transient)
                state_remove_own(&b->box);
        else
                leave_status(b, exit_code, signal, reason);
        serve_tell_end(b->serve, exit_code);
        serve_free(&b->serve);
}

void own_box_done(struct own_box *b)
{
        serve_free(&b->serve);
        state_remove_own(&b->box);
}
