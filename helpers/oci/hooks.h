#ifndef KELP_OCI_HOOKS_H
#define KELP_OCI_HOOKS_H

#include "bundle.h"
#include "notice.h"

/*
 * Runs the hooks one after another, the state on the standard input of each (one that does not read it
 * is no error), killed with all that they started at their timeout.  The first that fails is an error
 * that names it: "hook prestart[1] '/x' exited with status 3".  Source: runtime-spec, config.md, Hooks.
 */
int hooks_run(const struct bundle *b, enum bundle_hook_kind kind, const char *state, struct err *e);

/* The same for those that nothing depends on (poststart, poststop): one that fails is said, and no more. */
void hooks_run_all(const struct bundle *b, enum bundle_hook_kind kind, const char *state,
                   const struct notice *notice);

#endif
