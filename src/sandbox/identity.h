#ifndef KELP_SANDBOX_IDENTITY_H
#define KELP_SANDBOX_IDENTITY_H

#include "plan.h"
#include "userns.h"

#define IDENTITY_MAX_GROUPS 64
#define IDENTITY_MAX_HOME   512

/* Whom the payload runs as. */
struct identity {
        uid_t uid;
        gid_t gid;
        gid_t groups[IDENTITY_MAX_GROUPS];
        size_t n_groups;
        bool can_set_groups;
        char home[IDENTITY_MAX_HOME]; /* "" when nobody says */
};

/*
 * Looks the plan's user up in the passwd and group of the new root, which is the caller's root by
 * now.  They are files of an image: read as regular files of a bounded size, by our own parser.
 * Errors: no such user or group; an id that the maps do not have.
 */
int identity_find(const struct plan *p, const struct id_maps *maps, struct identity *ret,
                  struct err *e);

#endif
