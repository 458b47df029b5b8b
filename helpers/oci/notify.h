#ifndef KELP_OCI_NOTIFY_H
#define KELP_OCI_NOTIFY_H

#include "bundle.h"
#include "container.h"

/*
 * The word of a service that it is ready, sd_notify(3).  Whoever started us has it told to the socket
 * $NOTIFY_SOCKET, which a container neither reaches nor may: it gets one of its own, at
 * $NOTIFY_SOCKET/notify inside, and `start`, which has been handed that by first, passes on READY=1 and
 * nothing else.
 */

/*
 * In `create`: makes the socket `notify` in the container's directory, and adds its mount and the variable
 * to the bundle.  *ret_sock, the caller's, is -1 where there is no NOTIFY_SOCKET, or no mount namespace.
 */
int notify_prepare(struct bundle *b, const struct container *c, int *ret_sock, struct err *e);

/* Waits until the container says that it is ready, or its first process ends, and passes it on. */
int notify_wait(int sock, const struct container *c, struct err *e);

#endif
