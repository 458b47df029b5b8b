#ifndef KELP_OCI_IDS_H
#define KELP_OCI_IDS_H

#include "bundle.h"
#include "notice.h"

#include <stdbool.h>
#include <sys/types.h>

/* Which user namespace a container is made in, and what its ids are. */

enum ids_kind {
        IDS_OWN,    /* the caller's: who is root of one already, as engines make it (podman) */
        IDS_NEW,    /* a new one, with `maps` */
        IDS_JOINED, /* the one at a path of the config */
};

struct ids {
        enum ids_kind kind;
        struct id_maps maps;  /* of a new one; a helper without a path is not needed */
        bool denies_groups;   /* a new one, whose setgroups(2) the kernel wants denied */
        bool has_caller_root; /* a new one, in which the caller's own ids are those of root */
};

/*
 * Decides, in the launcher.  A caller who is not root and whose config has no user namespace gets one all
 * the same, and is told so: nothing else could be made for him.  One without maps, and such a one, has
 * the caller's ids as those of the config's process, and his subordinate ids around it.
 *
 * An id map is written by newuidmap or newgidmap where the kernel would not take it from the caller: one
 * line with his own id it does take, and from root any.
 */
int ids_choose(const struct bundle *b, const struct notice *notice, struct ids *ret, struct err *e);

/* Writes the maps of process `pid`, which is in the new namespace. */
int ids_write(const struct ids *ids, pid_t pid, struct err *e);

/*
 * In a process of the namespace: root's ids where there are some, else the first that there are; what is
 * made from then on belongs to them.  In one that was joined, what is not known of it is looked up:
 * maps, denies_groups.
 */
int ids_enter(struct ids *ids, struct err *e);

#endif
