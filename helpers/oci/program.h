#ifndef KELP_OCI_PROGRAM_H
#define KELP_OCI_PROGRAM_H

#include "plan.h"

/*
 * The command's program, in words that engines look for ("executable file not found in $PATH", "no such
 * file or directory", "permission denied": podman makes 127 and 126 of them).
 */

/*
 * Looks argv[0] up from the working directory: in PATH of the command's environment if it has no slash.
 * ENOENT: there is none; EACCES: there is one that the caller may not execute.
 */
int program_find(const struct plan_exec *x, char *ret, size_t size, struct err *e);

/* Whether `path` is this very program, or leads to it: a container must not run its runtime. */
int program_check_foreign(const char *path, struct err *e);

/* Executes it; returns only on failure. */
int program_run(const char *path, const char *const *argv, const char *const *env, struct err *e);

/*
 * *ret is `env` with HOME, of the container's own /etc/passwd, or "/", where it has none; what it is made
 * of is left to exec.
 */
int program_add_home(const struct plan_exec *x, uid_t uid, const char *const **ret, struct err *e);

#endif
