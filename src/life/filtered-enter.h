#ifndef KELP_LIFE_FILTERED_ENTER_H
#define KELP_LIFE_FILTERED_ENTER_H

#include "filtered-config.h"

/* What the processes do between fork and exec; each is a `prepare` of proc_start(). */

struct filtered_entry {
        const struct plan_net *net;
        struct filtered_config *config; /* the sockets are added to it */
        int userns;                     /* of the sandbox */
        int netns;
        int launcher; /* a pidfd */
};

/*
 * Becomes the proxy on the host: has the sandbox's side made by a child, takes its sockets, and
 * raises the limit on open files.
 */
int filtered_enter_proxy(void *arg, struct err *e);

/*
 * Becomes the one that publishes ports: with the sandbox's network and without any capability, also
 * over the sandbox; its root and its processes are the host's, so that nothing inside sees it.
 */
int filtered_enter_publisher(void *arg, struct err *e);

#endif
