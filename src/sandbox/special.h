#ifndef KELP_SANDBOX_SPECIAL_H
#define KELP_SANDBOX_SPECIAL_H

#include "tree.h"
#include "walk.h"

#include <stdbool.h>

/*
 * A path socket or a fifo is a way out that no mount flag closes: connect(2) ignores read-only.
 * Covers every socket that somebody serves under a path that the sandbox sees (as the kernel lists
 * them), and every socket and fifo that was `found` in the directories that the user shared, but
 * those that were asked for with --socket.  Other mounts of /proc and the like in a tree that
 * is shown tell of the host's processes: they are covered, too.
 */
int special_add(struct tree *t, const struct walk_found *found, struct err *e);

/* Whether a file system of that type shows the processes or devices of whoever mounted it. */
bool special_is_host_view(const char *type);

#endif
