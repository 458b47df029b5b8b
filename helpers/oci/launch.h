#ifndef KELP_OCI_LAUNCH_H
#define KELP_OCI_LAUNCH_H

#include "bundle.h"
#include "container.h"
#include "group.h"
#include "notice.h"
#include "profile.h"

/*
 * A launch: the launcher (this process) clones a stage into the new user namespace (or joins one, or
 * has none), has its maps written, the stage makes or joins the other namespaces and clones the
 * container's first process as the launcher's own child, so that it is left to whoever reaps for the
 * launcher (a subreaper: conmon, containerd's shim).  First builds the root, becomes nearly the command,
 * and waits on the socket `start` of the container's directory.
 */
struct launch_spec {
        const struct bundle *bundle;
        struct container *container; /* made and locked; gets pid and start time */
        const struct profile *profile;
        const struct group *group;
        const char *console_socket; /* host path; NULL: none */
        int console;                /* in its place one that is connected, borrowed; -1: none */
        int notify; /* the socket that `start` is to get from first (notify.h), borrowed; -1: none */
        unsigned preserve_fds;
        bool no_pivot;
        bool keeps_keyring;
        const struct notice *notice;
        int (*meanwhile)(void *user, struct err *e); /* done while the others are at work */
        void *user;
        int *ret_sock; /* `run`: where launch_start() speaks to first; NULL: on its socket `start` */
};

/*
 * Returns when first waits for `start`, with hooks prestart and createRuntime run and the container
 * written down.  First is a child of this process.  Whatever fails, no process stays behind.
 */
int launch_create(const struct launch_spec *spec, struct err *e);

/* Ends what launch_create() has made, where what comes behind it fails. */
void launch_kill(const struct container *c);

/*
 * By `start`, or by `run` with the `sock` that launch_create() has left (else -1): gives first the word,
 * waits until it has executed the command or says why not; runs no hooks.  ENOENT/EACCES as of the
 * command's exec.  EINVAL: it does not wait for that.  *ret_notify, the caller's, is -1 where the
 * container has none.
 */
int launch_start(struct container *c, int sock, const struct notice *notice, int *ret_notify,
                 struct err *e);

/* The address of a socket in a directory, of a path of any length. */
struct sockaddr_un;
int launch_fill_address(struct sockaddr_un *ret, int dir, const char *name, struct err *e);

/* Whether first still waits for `start`. */
bool launch_is_waiting(const struct container *c);

#endif
