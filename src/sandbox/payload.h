#ifndef KELP_SANDBOX_PAYLOAD_H
#define KELP_SANDBOX_PAYLOAD_H

#include "box.h"
#include "exec.h"

/*
 * The rest of pid 1's life: forks the payload, lets it confine itself and exec, gives up what it has
 * left, says STARTED once exec has worked, and looks after the sandbox to its end.  A failure goes to
 * the launcher, with the step in which it happened.
 */
_Noreturn void payload_run(struct box *b, struct err *e);

/*
 * The part of it in the process that is to become the command, whoever has forked it: confines
 * itself, waits for the word over `pipe` (one end of proc_fork_linked()), and executes.
 */
_Noreturn void payload_become(struct box *b, int pipe, const struct exec_image *image);

/* The other end: gives the word; waits until exec has worked, or says why not. */
int payload_let_go(int pipe, struct err *e);
int payload_await(int pipe, struct err *e);

#endif
