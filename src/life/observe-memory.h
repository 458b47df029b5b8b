#ifndef KELP_LIFE_OBSERVE_MEMORY_H
#define KELP_LIFE_OBSERVE_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Bytes of another process by process_vm_readv(2), which neither opens nor stops anything.  What is
 * read is what lay there at that moment: its owner may change it at any other.
 */

/* Exactly `len` bytes; 0, or a negative errno. */
int observe_read(pid_t pid, uint64_t at, void *data, size_t len);

/* A string with its end, in a buffer of `size`; its length, -ENAMETOOLONG, or a negative errno. */
ssize_t observe_read_string(pid_t pid, uint64_t at, char *text, size_t size);

/* /proc/PID/NAME read as a link: the text, terminated; or a negative errno. */
ssize_t observe_read_link(pid_t pid, const char *name, char *text, size_t size);

#endif
