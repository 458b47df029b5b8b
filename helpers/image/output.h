#ifndef KELP_IMAGE_OUTPUT_H
#define KELP_IMAGE_OUTPUT_H

#include "err.h"

#include <stdio.h>

/*
 * Sees to it that all that was printed on `out` is written; `what` begins the error, and says what
 * was done if something was.  The error is EIO whatever the reason: that the other end is full says
 * nothing of the store, see store_hint_elsewhere().
 */
int output_finish(FILE *out, const char *what, struct err *e);

#endif
