#ifndef KELP_OCI_CONSOLE_H
#define KELP_OCI_CONSOLE_H

#include "bundle.h"

/*
 * The command's terminal, of the container's own devpts: after setsid(2), in the process that will
 * execute it.  It becomes the controlling terminal; *ret_slave is the caller's.  The master goes over
 * `socket`, in one message with its name, as conmon and containerd's shim expect it from runc.
 */
int console_open(const struct bundle_process *p, int socket, int *ret_slave, struct err *e);

/* Makes it the standard streams. */
int console_use(int slave, struct err *e);

/* Connects to the socket of --console-socket, on the host; *ret is the caller's. */
int console_connect(const char *path, int *ret, struct err *e);

#endif
