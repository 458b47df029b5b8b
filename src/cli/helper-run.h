#ifndef KELP_CLI_HELPER_RUN_H
#define KELP_CLI_HELPER_RUN_H

#include "err.h"

struct helper_task {
        const char *path; /* of the helper */
        const char *const *argv;
        const char *const *env; /* as in struct proc_spec */
        const char *verb;       /* "cannot VERB 'OBJECT'" */
        const char *object;
};

/*
 * Runs one of our own helpers to its end: its output goes nowhere, and what it says is for the user.
 * ECANCELED when it failed and has told the user why.
 */
int helper_run(const struct helper_task *task, struct err *e);

#endif
