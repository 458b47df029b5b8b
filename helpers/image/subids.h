#ifndef KELP_IMAGE_SUBIDS_H
#define KELP_IMAGE_SUBIDS_H

#include "err.h"
#include "id-map.h"
#include "store.h"

#include <errno.h>
#include <stdbool.h>

/*
 * Layers for runs with subordinate ids: unpacked/subids/.  Their files belong to ids that only a
 * user namespace with the right maps can deal with, and newuidmap(1) gives those maps.  The file
 * subids.map of the store has them as id_maps_print() writes them: the launcher knows by it
 * whether the layers are for the maps that it is about to use, and whoever removes or looks at the
 * layers knows how to get at them.
 *
 * The layers are a copy of what is in the blobs.  When /etc/subuid changes so that they would
 * belong to others, they are removed and unpacked again when they are needed.
 */

/* The error that one id would not have: the maps cannot be had, or do not have an id. */
#define SUBIDS_ERROR EOVERFLOW

/* *ret_has: there are maps. */
int subids_read(const struct store *store, struct id_maps *ret, bool *ret_has, struct err *e);

/* Makes `maps` those of the store, under its lock.  EBUSY: layers with other ones are in use. */
int subids_take(const struct store *store, const struct session *session,
                const struct id_maps *maps, struct err *e);

/*
 * Unpacks what is missing of the layers of an image for runs with `maps`, from its blobs.
 * SUBIDS_ERROR: these maps do not do.  *ret_signal as of worker_run().
 */
int subids_unpack(const struct store *store, const struct digest *id, const struct id_maps *maps,
                  int *ret_signal, struct err *e);

/* Forgets the maps, unless there is still something that was made with them. */
int subids_forget(const struct store *store, struct err *e);

/*
 * erase_tree(), and what that may not remove in a namespace: with the ids that the user has, and
 * with those of subids.map, which may be lost or of another time.  What cannot be removed has a
 * hint.
 */
int subids_remove_tree(const struct store *store, int dir, const char *name, struct err *e);

/* For an error about `name` in `dir`, which nobody here can remove: a hint of who can. */
int subids_hint_removal(const struct store *store, int dir, const char *name, struct err *e);

/* Whether such an error says that files of other ids are in the way. */
bool subids_is_refusal(const struct err *e);

#endif
