#ifndef KELP_SANDBOX_ENTER_IDS_H
#define KELP_SANDBOX_ENTER_IDS_H

#include "err.h"
#include "id-map.h"

/*
 * Makes this process root of a new user namespace with the ids that a sandbox of an image has: with
 * subordinate ones where they work, else with one.  What such a sandbox has made can be read and
 * removed then, and has the owners that it has inside.  For a process that becomes a helper next;
 * after an error it is good for nothing but to say so.
 */
int ids_enter(struct err *e);

/* The maps that it would write: `by_helper` where there are subordinate ids. */
int ids_choose(struct id_maps *ret, struct err *e);

#endif
