#ifndef KELP_FAULT_INJECT_CALLS_H
#define KELP_FAULT_INJECT_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* One traced process and the call that it is about to make, or has made.  For inject.c. */

/* Not so: calls that the kernel never lets fail, or that do not come back. */
bool inject_can_fail(uint64_t nr);

/* Whether the call executes a program that does not work under a tracer without privilege. */
bool inject_runs_setuid(pid_t pid, uint64_t nr, uint64_t path);

/* At its entry: the call is not made. */
void inject_skip_call(pid_t pid);

/* At its exit: it returns -error. */
void inject_set_result(pid_t pid, int error);

void inject_read_comm(pid_t pid, char *buf, size_t size);

#endif
