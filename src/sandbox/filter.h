#ifndef KELP_SANDBOX_FILTER_H
#define KELP_SANDBOX_FILTER_H

#include "err.h"

struct sock_fprog;

/* Enters a seccomp filter; no_new_privs must be set.  Source: seccomp(2). */
int filter_enter(const struct sock_fprog *filter, struct err *e);

/*
 * What pid 1 needs for its loop (init.c) and nothing else; any other call is its end, and with it
 * that of the sandbox.
 */
int filter_enter_init(struct err *e);

#endif
