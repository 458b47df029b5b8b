#ifndef KELP_SANDBOX_LAUNCH_H
#define KELP_SANDBOX_LAUNCH_H

#include "audit.h"
#include "cpu.h"
#include "image-hold.h"
#include "image-root.h"
#include "kept.h"
#include "plan.h"
#include "rlimits.h"
#include "run.h"
#include "tree.h"
#include "userns.h"

struct sock_fprog;
struct limit_tiers;
struct filter_watch;
struct observe_request;
struct detach;
struct review;

/*
 * What the launcher finds out on the host while the namespaces are being made.  Pid 1 is forked
 * before that is known: it has the place in memory, and gets the content with VIEW, byte for byte.
 * So nothing in it may lie anywhere else but in the plan, which was there before the fork, or in the
 * program itself.
 */
struct launch_view {
        struct tree tree;              /* its descriptors are the launcher's alone */
        struct audit_namespaces outer; /* the host's, which the sandbox must not have */
        struct core_handler cores;     /* the host's, which the sandbox must not reach */
};

/* NULL with `e` set on failure. */
struct launch_view *launch_view_new(struct err *e);
void launch_view_free(struct launch_view **view);

/* Pid 1's part of VIEW: takes the content off the conversation; and when it needs it no more. */
int launch_view_receive(struct launch_view *view, int sock, struct err *e);
void launch_view_drop(struct launch_view *view);

/* All that a launch takes in; it owns none of it. */
struct launch {
        const struct plan *plan;
        struct launch_view *view; /* const for everybody once it was received */
        const struct id_maps *maps;
        struct image_hold *hold; /* the launcher's alone: the stage closes it */
        const struct kept *kept;
        const struct image_copy *copy; /* of the image's files, instead of its layers; or NULL */
        struct cpu_choice cpus;
        const struct limit_tiers *tiers; /* who enforces which limit */
        const struct sock_fprog *filter;
        const struct filter_watch
                *watch; /* the filter of a run that is observed; NULL: it is not */
        const struct observe_request
                *request;           /* the launcher's alone: who wants to know; or NULL */
        struct detach *detach;      /* the launcher's alone: who waits for the start; or NULL */
        struct review *review;      /* the launcher's alone: of what the run writes; or NULL */
        struct review_guard *guard; /* the launcher's alone */
};

/*
 * Clones the stage into a new user namespace, writes its maps and lets it go on.  The view is to be
 * filled next, while the stage makes the other namespaces.  On failure e->step names the step.
 */
int launch_start(const struct launch *l, struct run *ret, struct err *e);

/*
 * Says that the view is filled, and waits until pid 1 of the sandbox exists.  From then on pid 1
 * builds by itself; launch_await_ready() waits for that and takes the descriptors that come with it.
 */
int launch_continue(const struct launch *l, struct run *r, struct err *e);

/* When it goes no further: what has been started is put into *r, for run_done() to end. */
void launch_abandon(struct run *r);

/*
 * Waits until the root is built and pid 1 in it; takes the pty's master if there is one, and what
 * the supervisor looks at where it samples, and what the sandbox is entered by.
 */
int launch_await_ready(const struct launch *l, struct run *r, struct err *e);

/* Sets the limits of its cgroup, gives the word to start the payload and waits until it runs. */
int launch_go(const struct launch *l, struct run *r, struct err *e);

#endif
