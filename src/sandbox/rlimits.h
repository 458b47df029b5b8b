#ifndef KELP_SANDBOX_RLIMITS_H
#define KELP_SANDBOX_RLIMITS_H

#include "plan.h"

#include <sys/resource.h>

/* What this machine does with core dumps. */
struct core_handler {
        int code;   /* an errno: it cannot be told */
        char first; /* of core_pattern: '|' is a program, '@' a socket; anything else: a file */
};

/* `core_pattern` is the kernel's file of that name; in a sandbox it may be hidden. */
struct core_handler rlimits_find_handler(const char *core_pattern);

/*
 * Sets the plan's resource limits on the calling process, and the ones that every payload has.  EPERM
 * where none keeps its crashes from the machine's handler of core dumps.
 */
int rlimits_set(const struct plan_limits *limits, const struct core_handler *handler,
                struct err *e);

/*
 * At most `n` processes and threads of our id in our user namespace, or fewer where the limit is
 * lower already.  Not for an id that is the host's root.
 */
int rlimits_set_processes(uint64_t n, struct err *e);

/*
 * The same for a while, until what was before is put back: for the birth of one process, which the
 * kernel refuses with EAGAIN where there are `n` already.
 */
int rlimits_lower_processes(uint64_t n, struct rlimit *ret_before, struct err *e);
int rlimits_restore_processes(const struct rlimit *before, struct err *e);

#endif
