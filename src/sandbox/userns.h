#ifndef KELP_SANDBOX_USERNS_H
#define KELP_SANDBOX_USERNS_H

#include "id-map.h"
#include "plan.h"

#include <limits.h>
#include <stdbool.h>

/* The maps of a run, decided before there is a namespace. */
struct id_maps {
        struct id_map uids;
        struct id_map gids;
        bool by_helper; /* written by newuidmap and newgidmap, which are at: */
        char newuidmap[PATH_MAX];
        char newgidmap[PATH_MAX];
        struct err fallback; /* why --userns auto came down to one id; code 0: it did not */
};

/* Decides the maps.  With --userns subids what is missing is an error; with auto it is noted. */
int userns_choose_maps(const struct plan *p, struct id_maps *ret, struct err *e);

/* The user's own id and nothing else. */
void userns_single_maps(const struct plan *p, struct id_maps *ret);

/* The directory of process `pid` in /proc, as a descriptor of the caller's. */
int userns_open_process(pid_t pid, struct err *e);

/*
 * Writes the maps of process `pid` from outside.  With one id setgroups(2) is denied first, as the
 * kernel demands.  Source: user_namespaces(7).
 */
int userns_write_maps(int proc, pid_t pid, const struct id_maps *maps, struct err *e);

/* Reads them back: the kernel, or whoever answers for it, must have taken what was asked. */
int userns_check_maps(int proc, const struct id_maps *maps, struct err *e);

#endif
