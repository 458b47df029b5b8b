#ifndef KELP_OCI_COPY_UP_H
#define KELP_OCI_COPY_UP_H

#include "err.h"

#include <stdbool.h>

/*
 * "tmpcopyup": fills a new tmpfs with what lies in the directory that it is about to cover, as it is:
 * owners, modes, times, symlinks, fifos, device numbers where those may be made.  The directory is the
 * image's: all goes by descriptor, and no symlink is followed.  What is no directory has nothing to copy.
 * With `keeps_top` the new one itself stays as it was made: the config said how.
 */
int copy_up(int from, int to, const char *box_path, bool keeps_top, struct err *e);

#endif
