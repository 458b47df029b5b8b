#ifndef KELP_CLI_FACTS_H
#define KELP_CLI_FACTS_H

#include "assemble.h"

/*
 * Finds out what a plan must know of the caller.  Memory comes from `arena`; the environment is
 * the process's own.  The accounts are read from /etc/passwd alone: the launcher loads no module
 * of the name service.
 */
int facts_find(struct arena *arena, struct plan_facts *ret, struct err *e);

#endif
