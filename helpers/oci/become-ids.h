#ifndef KELP_OCI_BECOME_IDS_H
#define KELP_OCI_BECOME_IDS_H

#include "become.h"

/* Says what of the user cannot be had in this user namespace, as long as somebody hears it. */
void become_ids_tell(const struct become_spec *spec);

/* Supplementary groups, where they can be set. */
int become_ids_set_groups(const struct become_spec *spec, struct err *e);

/*
 * The uid and gid of the command.  The permitted capabilities are kept, the effective ones only by
 * uid 0.
 */
int become_ids_set(const struct become_spec *spec, struct err *e);

/*
 * Pipes and sockets that are standard streams are given to the command's user, who could not open
 * /dev/stdout otherwise.  Files of the host are left to their owner.
 */
int become_ids_give_streams(const struct become_spec *spec, struct err *e);

/*
 * Standard streams that are the host's /dev/null become the container's: by /proc/self/fd the command
 * could open the host's again, on the mount of the host.
 */
int become_ids_reopen_null(struct err *e);

#endif
