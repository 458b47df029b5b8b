#ifndef KELP_SANDBOX_EXEC_H
#define KELP_SANDBOX_EXEC_H

#include "plan.h"

/* What execve(2) takes, made before the fork. */
struct exec_image {
        const char *const *argv;
        const char *const *env;
        const char *path; /* of the payload's environment, where argv[0] is looked up */
};

/* Adds HOME to the environment when it has none and `home` is not empty. */
int exec_prepare(const struct plan *p, const char *home, struct exec_image *ret, struct err *e);

/*
 * Executes; returns only on failure: ENOENT when there is no such command, ENOEXEC and others when
 * it cannot be executed, with a text that names what is missing.
 */
int exec_run(const struct exec_image *image, struct err *e);

#endif
