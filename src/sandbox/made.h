#ifndef KELP_SANDBOX_MADE_H
#define KELP_SANDBOX_MADE_H

#include "err.h"

#include <stdbool.h>

/*
 * What kelp makes in the upper layer of a sandbox that is kept (places to mount on, files like
 * /etc/hosts) is no change of the payload's and does not belong into a layer that is made of it.
 * A list of it lies beside the upper layer: kept/NAME/made, each entry ended by a NUL.
 *
 *      d INODE PATH
 *      f INODE SECONDS.NANOSECONDS PATH        the time of the last change of the inode
 *
 * Inode and times are those of the upper layer's file system: what the payload has changed, or
 * made anew, is its own.  helpers/image/made.c reads it.
 */

/* Notes `name` in the directory `parent` of the new root; `kept` is kept/NAME, -1: nothing is. */
int made_note(int kept, int parent, const char *name, bool is_directory, struct err *e);

#endif
