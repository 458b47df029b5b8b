#ifndef KELP_IMAGE_BENEATH_H
#define KELP_IMAGE_BENEATH_H

/*
 * openat2(2) of `path` below `dir`, in a tree that others have shaped: no symlink is followed, and
 * no mount point entered.  Returns the descriptor, close-on-exec and the caller's, or -1 with errno
 * set.
 */
int beneath_open(int dir, const char *path, int flags);

#endif
