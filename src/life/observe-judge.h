#ifndef KELP_LIFE_OBSERVE_JUDGE_H
#define KELP_LIFE_OBSERVE_JUDGE_H

#include "observe-list.h"
#include "observe-made.h"
#include "observe-net.h"
#include "observe-view.h"

#include <linux/seccomp.h>

/* From a call that somebody waits in to the events that it is. */
struct observe_judge {
        const struct observe_spec *spec;
        struct observe_view *view;
        struct observe_net net;
        struct observe_list events;
        struct observe_made made;
        int listener;  /* to ask whether the call is still the one that it was */
        bool can_read; /* the payload is out of reach until it has executed its program */
        size_t n_unreadable;
};

/* A call that the policy lets pass. */
int observe_judge_allowed(struct observe_judge *j, const struct seccomp_notif *call, struct err *e);

/* A call that it answers with `error`. */
int observe_judge_refused(struct observe_judge *j, const struct seccomp_notif *call, int error,
                          struct err *e);

/*
 * A word of kelp-proxy: "host NAME PORT allowed|refused WHY", or "name ADDRESS NAME"; anything else is
 * not heard.
 */
int observe_judge_verdict(struct observe_judge *j, const char *text, struct err *e);

#endif
