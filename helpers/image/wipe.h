#ifndef KELP_IMAGE_WIPE_H
#define KELP_IMAGE_WIPE_H

#include "err.h"
#include "store.h"

/*
 * Empties a store without understanding it: for one that is too damaged for anything else.  Under
 * the store's lock.  EBUSY, and nothing is changed, when a layer is in use.
 */
int wipe_store(const struct store *store, const struct session *session, struct err *e);

#endif
