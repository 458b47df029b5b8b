#ifndef KELP_LIFE_TAP_H
#define KELP_LIFE_TAP_H

#include "blocked.h"

#include <stdbool.h>

#define TAP_NAME "tap0"

struct tap_spec {
        const struct blocked *blocked;
        int netns; /* of the sandbox */
        bool has_ipv6;
};

/*
 * Makes the sandbox's end of the user network before slirp4netns opens it: a persistent tap with
 * its filter, and the routes that refuse what the filter drops.  The kernel puts the filter back
 * on whoever attaches to the tap, so that slirp4netns never sees a frame that was not judged.
 *
 * The calling process needs CAP_SYS_ADMIN and CAP_NET_ADMIN over the network namespace and stays
 * in it; its name for /dev/net/tun is the host's.
 */
int tap_make(const struct tap_spec *spec, struct err *e);

/* The text and the hint for a /dev/net/tun that could not be opened for the reason `code`. */
int tap_explain(int code, struct err *e);

#endif
