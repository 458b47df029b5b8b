#ifndef KELP_HOST_CGROUP_PLACE_H
#define KELP_HOST_CGROUP_PLACE_H

#include "view.h"

#include <limits.h>
#include <stdbool.h>

/*
 * Where this process may make a cgroup of version 2 for a sandbox, and with which controllers.
 *
 * A cgroup has processes or hands controllers to its children, not both (cgroups(7), "no internal
 * processes").  So the place is the cgroup above ours, where somebody has delegated that to us; or
 * ours itself, where we are alone in it and may go into a child of it.  The latter only in a
 * unit of systemd, which clears up there when the last process has gone.
 *
 * Below a systemd of the user's own everything is writable, and nothing is delegated but what it has
 * marked: elsewhere it takes controllers away as it sees fit.  But it can be asked for a scope, in
 * which we are alone and which is delegated to us.
 */

enum {
        CGROUP_MEMORY = 1 << 0,
        CGROUP_CPU = 1 << 1,
        CGROUP_PIDS = 1 << 2,
        CGROUP_ALL = CGROUP_MEMORY | CGROUP_CPU | CGROUP_PIDS,
};

struct cgroup_place {
        char dir[PATH_MAX];   /* absolute; "": there is none */
        unsigned controllers; /* that a child of it can have */
        bool is_own;          /* our own: we must leave it for a child before it can have others */
        pid_t companion;      /* and so must that one; 0: nobody else is in it */
};

/*
 * False when there is none, or none with any of the controllers.  `companion`: one more process of
 * kelp that may be in our cgroup with us, our parent; 0: nobody.
 */
bool cgroup_find_place(const struct host_view *v, pid_t companion, struct cgroup_place *ret);

/* Whether a systemd of the user's own can be asked, and the controllers that it could give. */
bool cgroup_has_manager(const struct host_view *v);
unsigned cgroup_get_manager_controllers(const struct host_view *v);

/* Where version 2 is mounted, and our own cgroup below that; false: there is none, or no room. */
bool cgroup_find_mount(const struct host_view *v, char *ret, size_t size);
bool cgroup_find_own(const struct host_view *v, const char *mount, char *ret, size_t size);

/* Which controllers a cgroup has. */
unsigned cgroup_get_controllers(const struct host_view *v, const char *dir);

/* "memory, cpu" */
void cgroup_print_controllers(unsigned controllers, char *ret, size_t size);

#endif
