#ifndef KELP_COMMON_SIGNALS_H
#define KELP_COMMON_SIGNALS_H

#include "err.h"

/*
 * Signals that end a program become readable, so that what it has begun in the store does not stay
 * behind.  Returns a descriptor of the caller's.
 */
int signals_catch(struct err *e);

/* Waits until `fd` is readable or has ended: 0; or a signal comes, which goes first: its number. */
int signals_wait(int signals, int fd, struct err *e);

#endif
