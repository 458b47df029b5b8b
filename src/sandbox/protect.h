#ifndef KELP_SANDBOX_PROTECT_H
#define KELP_SANDBOX_PROTECT_H

#include "plan.h"
#include "tree.h"
#include "walk.h"

/*
 * Files inside a writable directory that run later, outside the sandbox: hooks, editor tasks, shell
 * start-up files.  Existing ones become read-only mounts and every directory on the way to them a
 * mount of its own, so that neither can be renamed away and rebuilt.  A symlink is not followed by
 * hope: it is covered itself, by its target when that lies inside and is a file, else by nothing
 * readable.  All names go to t->watched, for the report at the end: those that do not exist can be
 * made, and a program of the host that replaces one by rename(2) takes its protection away.
 *
 * What git obeys is protected in every repository that was `found`, too; t->n_open_repos tells how
 * many were too many for that.
 */
int protect_add(const struct plan *p, const struct walk_found *found, struct tree *t,
                struct err *e);

#endif
