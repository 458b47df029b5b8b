#ifndef KELP_PULL_CONFINE_H
#define KELP_PULL_CONFINE_H

#include "err.h"

#include <stdbool.h>

/*
 * The process that talks to the network reads what strangers send, in TLS, HTTP and JSON.  Before
 * the first byte of that:
 *
 *   1. no_new_privs, not dumpable, no core files: it holds logins
 *   2. it dies with its parent
 *   3. every descriptor but the named ones is closed
 *   4. Landlock: it may write below the layout in its session, read the blobs of the store and what
 *      the resolver and TLS read (a list of system directories), and nothing else: not the user's
 *      home, not the credentials' files, not the rest of the store.  No TCP port can be bound; no
 *      signal or abstract socket of another process be reached (ABI 4 and 6)
 *   5. seccomp: no other program, no other process but threads, no tracing, no mounts, no keyrings
 *
 * It cannot be without a network, nor, because resolver modules are loaded when they are needed,
 * have an empty root.  What it made is taken by another process, which has no network and believes
 * none of it.  Landlock may be missing: then this process can read what its user can, and the
 * caller says so.  All else is an error.
 */

struct confine_spec {
        int writable;    /* the layout */
        int readable;    /* the blobs of the store */
        const int *keep; /* descriptors, ascending, each >= 3 */
        int n_keep;
        int parent; /* a pidfd */
};

int confine_enter(const struct confine_spec *spec, bool *ret_has_landlock, struct err *e);

/* The parts of it in other files. */

/* -EOPNOTSUPP without an error: this kernel has no Landlock, or it is not enabled. */
int confine_files(const struct confine_spec *spec, struct err *e);

int confine_syscalls(struct err *e);

#endif
