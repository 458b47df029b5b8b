#ifndef KELP_SANDBOX_USERNS_H
#define KELP_SANDBOX_USERNS_H

#include "id-map.h"
#include "plan.h"

/*
 * Decides the maps of a run, before there is a namespace.  With --userns subids what is missing is
 * an error; with auto it comes down to one id, and *ret_fallback, which was empty, says why.
 */
int userns_choose_maps(const struct plan *p, struct id_maps *ret, struct err *ret_fallback,
                       struct err *e);

/*
 * Whether the run will have one id, as far as that is known before it: only the run itself shows
 * whether subordinate ids work; this looks whether there are any.
 */
bool userns_expects_one_id(const struct plan *p);

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
