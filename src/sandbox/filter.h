#ifndef KELP_SANDBOX_FILTER_H
#define KELP_SANDBOX_FILTER_H

#include "err.h"

#include <linux/filter.h>

/* The filter of a run that somebody observes, and where its listener goes. */
struct filter_watch {
        struct sock_fprog program;
        int sock; /* SEQPACKET: gets one message with the listener */
        int far;  /* its other end, which must be nobody's but the observer's: what was sent there
                   * would else outlive it, and whoever asks would wait for ever */
};

/* Enters a seccomp filter; no_new_privs must be set.  Source: seccomp(2). */
int filter_enter(const struct sock_fprog *filter, struct err *e);

/*
 * The same for one with a listener, which is sent away and is not kept.  Source: seccomp_unotify(2).
 * Errors: EBUSY when a filter above has one already.
 */
int filter_enter_watched(const struct filter_watch *watch, struct err *e);

/*
 * What pid 1 needs for its loop (init.c) and nothing else; any other call is its end, and with it
 * that of the sandbox.
 */
int filter_enter_init(struct err *e);

#endif
