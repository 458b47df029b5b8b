#ifndef KELP_IMAGE_HOLDER_H
#define KELP_IMAGE_HOLDER_H

#include <stddef.h>

/*
 * Who holds a flock(2) on the file `fd`, for a message: the process and its command line, in which
 * there is the name of the sandbox when it has one.  What cannot be told ("a running sandbox") is
 * told by no more than that: the locks of another pid namespace have no pid here.
 * Source: proc_locks(5).  Returns `text`.
 */
const char *holder_find(int fd, char *text, size_t size);

#define HOLDER_MAX 240

#endif
