#ifndef KELP_OCI_MEMBERS_H
#define KELP_OCI_MEMBERS_H

#include "container.h"

#include <stddef.h>
#include <sys/types.h>

/*
 * All processes of a container: those of its cgroup; where it has none, those of its pid namespace and
 * what descends from its first process, as long as that lives.  Without either nobody can tell.
 */

/* *ret is the caller's (free); none is no error. */
int members_list(const struct container *c, pid_t **ret, size_t *ret_n, struct err *e);

/* Sends `signal` to all of them; *ret_n is how many there were. */
int members_signal(const struct container *c, int signal, size_t *ret_n, struct err *e);

#endif
