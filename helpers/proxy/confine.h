#ifndef KELP_PROXY_CONFINE_H
#define KELP_PROXY_CONFINE_H

#include "config.h"

#include <stdbool.h>

/*
 * The walls around the proxy, which reads what a sandbox sends: it starts nothing, writes to no file
 * but its log, reads what tells of names and nothing of the user's, has no descriptor but its own,
 * and its sockets are of the internet alone.
 */

/* First of all: closes what no line of the configuration names.  No descriptor may be named twice. */
int confine_descriptors(const struct config *config, int control, struct err *e);

/*
 * Last of all.  Nothing is undone on failure.  *ret_has_landlock: false where the kernel has none;
 * then it could read what the user can.
 */
int confine_enter(bool *ret_has_landlock, struct err *e);

/* Its parts; -EOPNOTSUPP without an error: there is no Landlock here. */
int confine_files(struct err *e);
int confine_syscalls(struct err *e);

#endif
