#ifndef KELP_SANDBOX_IMAGE_HOLD_H
#define KELP_SANDBOX_IMAGE_HOLD_H

#include "id-map.h"
#include "plan.h"

/*
 * What keeps the layers of a run where they are: a shared flock(2) on each layer's directory, as
 * long as the launcher lives.  Whoever removes an image takes the store's own lock exclusively and
 * then tries the layers' locks; so between the reading of an image's name and the locking of its
 * layers the launcher holds the store's lock, shared.
 *
 * The locks belong to the open files: no process that goes on without the launcher may have them.
 */

struct image_hold {
        int store_lock; /* held from the reading of the name until the layers are locked; or -1 */
        int layers[PLAN_MAX_LAYERS];
        size_t n_layers;
};

#define IMAGE_HOLD_NONE                                                                            \
        {                                                                                          \
                .store_lock = -1                                                                   \
        }

/*
 * Where the layers are that a run with `maps` has, below the store: those whose files all belong
 * to the user, or those whose files belong to the user's subordinate ids.
 */
const char *image_hold_directory(const struct id_maps *maps);

/*
 * Opens and locks the layers of the plan's image, and lets go of the store's lock and of layers
 * that were held before.  -ENOENT when one is not there, or only for other ids; after an error
 * `hold` is as it was.  A plan without layers in a store holds nothing.
 */
int image_hold_layers(const struct plan *p, const struct id_maps *maps, struct image_hold *hold,
                      struct err *e);

/* Lets the store's lock go for a while, and takes it again. */
void image_hold_unlock(const struct image_hold *hold);
int image_hold_lock(const struct image_hold *hold, struct err *e);

/* Lets everything go. */
void image_hold_done(struct image_hold *hold);

#endif
