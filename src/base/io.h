#ifndef KELP_BASE_IO_H
#define KELP_BASE_IO_H

#include "err.h"
#include "mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Whole reads and writes; EINTR is dealt with here and nowhere else (but for the one poll loop). */

/* Writes all `len` bytes.  `name` is the object of the error text. */
int io_write_all(int fd, const void *data, size_t len, const char *name, struct err *e);

/* One write of a whole small kernel file: `path` below directory `dirfd` (or AT_FDCWD). */
int io_write_file(int dirfd, const char *path, const char *text, struct err *e);

/*
 * One read(2) that no signal interrupts; and pread(2) and pwrite(2) of all `len` bytes, where the
 * end of the file alone makes it fewer.  Returns how many; -1 with errno set, without an error text.
 */
ssize_t io_read(int fd, void *data, size_t len);
ssize_t io_read_at(int fd, void *data, size_t len, uint64_t at);
ssize_t io_write_at(int fd, const void *data, size_t len, uint64_t at);

/*
 * Reads all that `fd` has into fresh memory, terminated, at most `limit` bytes (more: EFBIG).
 * *ret_data belongs to the caller (free); *ret_len may be NULL.
 */
int io_read_all(int fd, size_t limit, const char *name, char **ret_data, size_t *ret_len,
                struct err *e);

/* The same for the regular file at `path` below `dirfd`; anything but a regular file: EINVAL. */
int io_read_file(int dirfd, const char *path, size_t limit, char **ret_data, size_t *ret_len,
                 struct err *e);

/*
 * Reads at most size-1 bytes of a small kernel file into `buffer`, terminated, without its last
 * newline.  Returns the length, or a negative errno without an error text.
 */
ssize_t io_read_small(int dirfd, const char *path, char *buffer, size_t size);

#define IO_MAX_FDS 8

/*
 * One SEQPACKET message, with up to IO_MAX_FDS descriptors.  Receiving: returns the length, 0 at
 * the end of the stream; a message that is longer than `size` or carries more descriptors than
 * `max_fds` is EPROTO and its descriptors are closed.  Received descriptors are close-on-exec.
 */
int io_send(int sock, const void *data, size_t len, const int *fds, size_t n_fds, struct err *e);
ssize_t io_receive(int sock, void *data, size_t size, int *fds, size_t max_fds, size_t *ret_n_fds,
                   struct err *e);

/*
 * Waits until there is something to read, or the end; each signal lets the time begin anew.  Returns
 * 1, 0 after `most_ms` milliseconds (-1: never), or -1 with errno set, without an error text.
 */
int io_wait(int fd, int most_ms);

/* flock(2) that no signal interrupts, for one that waits; 0, or -1 with errno set. */
int io_lock(int fd, int how);

/*
 * The lock of who owns a directory for a while: the file `name` in it, made where it is missing.  -1:
 * somebody has it, or it cannot be had.
 */
int io_take_lock(int dir, const char *name);

/* Monotonic clock in nanoseconds. */
uint64_t io_now(void);

#endif
