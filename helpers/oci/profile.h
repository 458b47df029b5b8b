#ifndef KELP_OCI_PROFILE_H
#define KELP_OCI_PROFILE_H

#include "bundle.h"
#include "notice.h"

#include <linux/filter.h>
#include <stdbool.h>

/*
 * linux.seccomp as a program for the kernel.  It is compiled by the helper kelp-oci-seccomp, with
 * libseccomp, once: what came of it is kept in the user's cache, with the whole text of the profile in
 * front, which is compared, not trusted by hash.
 */
struct profile {
        struct sock_fprog program; /* len is 0: there is none */
        unsigned flags;            /* SECCOMP_FILTER_FLAG_* */
        bool has_listener;         /* SECCOMP_RET_USER_NOTIF is among its answers */
        void *memory;
};

void profile_done(struct profile *p);

#define autoprofile __attribute__((cleanup(profile_done))) struct profile

/* In the launcher, on the host.  EINVAL: the profile is bad; the helper's line names the JSON path. */
int profile_load(const struct bundle *b, const struct notice *notice, struct profile *ret,
                 struct err *e);

/*
 * In the process that will execute the command, which has one thread, last of all.  `listener` is a
 * socket, connected to linux.seccomp.listenerPath (-1 without one), which gets the listener with
 * `state`, the JSON text of the container process state.  Without no_new_privs the caller must have
 * CAP_SYS_ADMIN.  EPIPE and the like: whoever listens did not get it; the filter is in force then.
 */
int profile_enter(const struct profile *p, int listener, const char *state, struct err *e);

/*
 * Connects to linux.seccomp.listenerPath, on the host; *ret is -1 without one.  For a profile that
 * has_listener: else the path is of no meaning.  One connection takes one state, and is closed after it.
 */
int profile_connect(const struct bundle *b, int *ret, struct err *e);

#endif
