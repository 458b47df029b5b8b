#ifndef KELP_SANDBOX_WATCH_H
#define KELP_SANDBOX_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* When what is protected last changed, to be compared with the same after the run. */

/* The time of the last change, in nanoseconds: a payload can set it to now alone. */
int64_t watch_time(const struct stat *st);

/*
 * The sum of these times of what is in the directory `host_path`, 0 for what is none or is closed.
 * While the directory itself is the same, so are the names in it, and every change makes the sum
 * larger.  False where it may have changed: it has more names than are looked at, or cannot be read.
 */
bool watch_inside(const char *host_path, uint64_t *ret);

#endif
