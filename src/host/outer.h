#ifndef KELP_HOST_OUTER_H
#define KELP_HOST_OUTER_H

#include "fact.h"

/* What kelp itself runs in: who has to be asked when something is refused by it. */

enum host_outer {
        HOST_OUTER_NONE,
        HOST_OUTER_PODMAN,
        HOST_OUTER_DOCKER,
        HOST_OUTER_KUBERNETES,
        HOST_OUTER_LXC,
        HOST_OUTER_NSPAWN,
        HOST_OUTER_FLATPAK,
        HOST_OUTER_USERNS, /* a user namespace of something else */
        HOST_OUTER_COUNT,
};

/* What the outer one has to change. */
enum host_outer_wish {
        HOST_OUTER_FILTER,  /* its system call filter */
        HOST_OUTER_PROFILE, /* its AppArmor or SELinux profile */
        HOST_OUTER_PROC,    /* what it puts over parts of /proc */
        HOST_OUTER_SYS,     /* what it puts over parts of /sys */
        HOST_OUTER_TUN,     /* give /dev/net/tun */
        HOST_OUTER_NNP,     /* not set no_new_privs */
        HOST_OUTER_WISHES,
};

enum host_outer host_find_outer(const struct host_view *v);

/* "an outer docker container" */
const char *host_outer_name(enum host_outer outer);

/* Adds the line that fulfils the wish to the fix. */
void host_outer_fix(enum host_outer outer, enum host_outer_wish wish, struct host_cause *cause);

#endif
