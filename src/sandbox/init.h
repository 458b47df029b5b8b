#ifndef KELP_SANDBOX_INIT_H
#define KELP_SANDBOX_INIT_H

#include "tty.h"

#include <sys/types.h>

/*
 * Pid 1 of the sandbox from the moment the payload runs (after STARTED): reaps, forwards what the
 * launcher sends, reports what becomes of the payload, and ends with it; the kernel kills the rest.
 *
 * SIGCHLD must have had its default disposition since before the payload was forked.
 *
 * It ends by itself, too, when the launcher's end of `sock` is closed and when a message is not
 * one that belongs here.  An end without EXITED is, for the launcher, a pid 1 that was killed.
 */
_Noreturn void init_main(int sock, pid_t payload, const struct tty *t);

#endif
