#ifndef KELP_LIFE_OBSERVE_H
#define KELP_LIFE_OBSERVE_H

#include "blocked.h"
#include "err.h"
#include "filter.h"
#include "observe-event.h"
#include "plan.h"
#include "proc.h"
#include "tree.h"

#include <linux/filter.h>
#include <stddef.h>

/*
 * Sees what the command asks for, for --explain and `kelp learn`.
 *
 * The filter of the policy is made into one that asks a listener (seccomp_unotify(2)) where it would
 * have refused, and about calls with paths and addresses that it lets pass.  The payload makes the
 * listener and sends it, before exec, to the observer: a process of the launcher's own, which answers
 * as the policy would have, by running the policy's own program.  What that lets pass goes on in the
 * kernel (SECCOMP_USER_NOTIF_FLAG_CONTINUE), which judges it as if nobody had looked.
 *
 * What is seen is for people to read.  It decides nothing: memory may change after it was looked at,
 * and a command that wants to can hide from it or fill it with nonsense.
 */

struct observe_spec {
        bool keeps_allowed;  /* what is allowed is an event, too */
        bool sees_all_calls; /* with keeps_allowed: names of system calls that were used; slow */
        size_t max_events;   /* different ones; more are counted, not kept.  0: OBSERVE_EVENTS */
};

#define OBSERVE_EVENTS     500
#define OBSERVE_MAX_EVENTS 20000

/* The launcher's side.  One that is OBSERVE_NONE is off, and then all functions do nothing. */
struct observe {
        struct observe_spec spec;
        const struct sock_fprog *filter; /* the policy's own; lives as long as this */
        struct observe_filter *made;     /* the one for the payload; NULL: off */
        struct blocked *blocked;         /* what the network does not reach; NULL: not known */
        struct filter_watch watch;       /* for struct launch */
        int near;                        /* the observer's end of the payload's socket; -1: none */
        int far;                         /* the payload's */
        int sock;                        /* of the conversation with the observer; -1: none */
        struct child child;
};

#define OBSERVE_NONE                                                                               \
        {                                                                                          \
                .near = -1, .far = -1, .sock = -1, .child = CHILD_NONE                             \
        }

static inline bool observe_is_on(const struct observe *o)
{
        return o->made != NULL;
}

/*
 * Before the launch, whose processes are to inherit what is made here.  `filter` is the one that the
 * policy means.  Errors: a filter that is too long for a listener.
 */
int observe_prepare(const struct observe_spec *spec, const struct plan *p,
                    const struct sock_fprog *filter, struct observe *ret, struct err *e);

/*
 * Before the word that starts the payload, when the tree is there: forks the observer.  `hosts` is
 * where kelp-proxy tells of its verdicts, which the observer reads from here on; -1: nowhere.
 */
int observe_start(struct observe *o, const struct plan *p, const struct tree *t, int hosts,
                  struct err *e);

typedef int observe_event_fn(const struct observe_event *event, void *arg, struct err *e);

struct observe_total {
        size_t n_dropped;    /* different events that there was no room for */
        size_t n_unreadable; /* calls whose arguments could not be read */
        bool is_whole;       /* false: the observer ended before the run did */
};

/*
 * Of who wants to know what a run does, instead of --explain's summary.  Its plan has report.explains,
 * so that the network tells, too.
 */
struct observe_request {
        struct observe_spec spec;
        observe_event_fn *each;
        void *arg;
        struct observe_total *ret_total;
};

/*
 * When the sandbox is gone: calls `each` for every event, the first that happened first, and ends
 * the observer.
 */
int observe_finish(struct observe *o, observe_event_fn *each, void *arg,
                   struct observe_total *ret_total, struct err *e);

void observe_done(struct observe *o);

#endif
