#ifndef KELP_CLI_PULL_H
#define KELP_CLI_PULL_H

#include "err.h"
#include "mem.h"

#include <stdbool.h>

/*
 * kelp-pull, which talks to registries: it is started with the variables that say where logins,
 * configuration and proxies are, and no others.
 */

struct pull_wish {
        const char *store;
        const char *name;
        const char *platform; /* NULL: this machine's */
        const char *ca;       /* NULL: the system's */
        bool is_insecure;
        bool is_quiet;
};

/* Becomes kelp-pull.  Returns only when that fails. */
int pull_become(struct arena *arena, const struct pull_wish *wish, struct err *e);

/*
 * Runs it and waits; its id goes nowhere.  ECANCELED when it failed and has told the user why.
 */
int pull_wait(struct arena *arena, const struct pull_wish *wish, struct err *e);

#endif
