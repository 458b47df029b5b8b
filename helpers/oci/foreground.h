#ifndef KELP_OCI_FOREGROUND_H
#define KELP_OCI_FOREGROUND_H

#include "err.h"

#include <sys/types.h>

/*
 * What `run` and `exec` do as long as their command lasts, when it was not told to be left alone.
 *
 *      foreground_begin()      before anything is forked: from now on no signal ends the launcher,
 *                              which would leave half a container behind
 *      foreground_wait()       once the command is executed
 *
 * A command with a terminal and without --console-socket gets one end of a socket pair as its console
 * socket (become_spec.console_socket); `console` is the other one, on which the terminal's master is.
 */

/* Blocks the signals that foreground_wait() will forward; who executes has its own mask (become.h). */
int foreground_begin(struct err *e);

/*
 * Waits for `pid`, a child of this process, and reaps it: forwards signals to it, and with a `console`
 * (-1: none; borrowed) copies between the terminal there and standard input and output, which is in raw
 * mode meanwhile if it is a terminal itself.  *ret_status as of waitpid(2).
 */
int foreground_wait(pid_t pid, int console, int *ret_status, struct err *e);

#endif
