#ifndef KELP_LIFE_TAP_H
#define KELP_LIFE_TAP_H

#include "blocked.h"
#include "proc.h"

#include <stdbool.h>

#define TAP_NAME "tap0"

struct tap_spec {
        const struct blocked *blocked;
        int netns; /* of the sandbox */
        bool has_ipv6;
        bool answers_host; /* the sandbox may answer TCP connections that this host opened */
};

/*
 * Makes the sandbox's end of the user network before slirp4netns opens it: a persistent
 * tap, and the routes that refuse what is blocked.
 *
 * The calling process needs CAP_SYS_ADMIN and CAP_NET_ADMIN over the network namespace and stays
 * in it; its name for /dev/net/tun is the host's.
 */
int tap_make(const struct tap_spec *spec, struct err *e);

/*
 * Puts the filter on the tap that `slirp` has open; the kernel would not keep one set before.  The
 * routes stop whatever goes by the kernel's routing; the filter also stops raw sockets.
 * EPERM and ENOSYS: this process may not get at the descriptors of another.
 */
int tap_guard(const struct child *slirp, const struct blocked *blocked, bool answers_host,
              struct err *e);

/* The text and the hint for a /dev/net/tun that could not be opened for the reason `code`. */
int tap_explain(int code, struct err *e);

#endif
