#ifndef KELP_SANDBOX_PROTECT_GIT_H
#define KELP_SANDBOX_PROTECT_GIT_H

#include "keep.h"
#include "plan.h"

/*
 * What git runs or obeys in a repository: hooks and configuration, also those of submodules and
 * linked worktrees, of the git directory that a .git file names, and what the configuration names
 * by core.hooksPath and include.path.
 */

/* The area itself, but for the plan's own names: they are protected already. */
int protect_git_top(const struct plan *plan, struct keep *k, const struct keep_area *area,
                    struct err *e);

/* A directory `dir` below the area that has a .git, with the plan's names that begin with it. */
int protect_git_below(const struct plan *plan, struct keep *k, const struct keep_area *area,
                      const char *dir, struct err *e);

#endif
