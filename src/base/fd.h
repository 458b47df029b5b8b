#ifndef KELP_BASE_FD_H
#define KELP_BASE_FD_H

#include "err.h"

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Ownership of descriptors.  -1 is the only "none"; 0 is valid.  A parameter `int fd` is borrowed.
 * A function that takes ownership takes `int *fd` and leaves -1 behind; one that gives it away
 * returns fd_take(&fd).  Every descriptor is born close-on-exec.
 */

/* Closes *fd if there is one and leaves -1.  Keeps errno; close() is never retried. */
void fd_close(int *fd);

/* Gives *fd away: returns it and leaves -1. */
static inline int fd_take(int *fd)
{
        int taken = *fd;

        *fd = -1;
        return taken;
}

/*
 * The directory that *fd is, to be listed: *fd is taken, also where that fails, which is NULL with
 * errno set.  One that could not be opened, -1, fails with the errno of that.
 */
DIR *fd_take_dir(int *fd);
void fd_close_dir(DIR **dir);

#define autofd  __attribute__((cleanup(fd_close))) int
#define autodir __attribute__((cleanup(fd_close_dir))) DIR

/* Whether descriptor `fd` is open in this process. */
bool fd_is_open(int fd);

/* pipe2(2) and a SEQPACKET socketpair(2): both ends are the caller's. */
int fd_pipe(int *ret_reader, int *ret_writer, struct err *e);
int fd_socketpair(int *ret_one, int *ret_other, struct err *e);

/* Clears or sets close-on-exec.  Errors: EBADF. */
int fd_set_cloexec(int fd, bool on, struct err *e);

/*
 * Opens /dev/null for each of 0, 1 and 2 that is closed, so that no later descriptor lands there
 * and is taken for a standard stream by the payload.
 */
int fd_fill_standard(struct err *e);

/* Puts a few of them into ascending order. */
void fd_sort(int *fds, size_t n);

/*
 * Closes every descriptor from 3 on, but for the `n` ones in `keep` (ascending, each >= 3).
 * Source: close_range(2), Linux 5.9.
 */
int fd_close_others(const int *keep, size_t n, struct err *e);

/* Marks every descriptor from 3 on close-on-exec.  Source: close_range(2), Linux 5.11. */
int fd_cloexec_others(struct err *e);

/* Lets this process have `n` of them, or as many as it may: where that is less, opening one says so. */
void fd_make_room(size_t n);

#endif
