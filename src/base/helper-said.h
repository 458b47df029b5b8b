#ifndef KELP_BASE_HELPER_SAID_H
#define KELP_BASE_HELPER_SAID_H

#include "err.h"

/*
 * Makes an error of what one of our own helpers has written before it failed: the last "kelp: MESSAGE"
 * and "hint: HINT" of `text`, which is taken apart.  `name` is the helper's.  Returns -EIO.
 */
int helper_said(char *text, const char *name, struct err *e);

#endif
