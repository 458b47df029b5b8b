#ifndef KELP_SANDBOX_IMAGE_HOLD_H
#define KELP_SANDBOX_IMAGE_HOLD_H

#include "id-map.h"
#include "plan.h"

/*
 * What keeps the image of a run where it is: a shared flock(2) on its file in images/ and on each
 * layer's directory, as long as the launcher lives.  Whoever removes an image takes the store's own
 * lock exclusively and then tries these; so between the reading of an image's name and the locking
 * of its layers the launcher holds the store's lock, shared.
 *
 * The image's own lock says which of several images with the same layers runs.  The layers' locks
 * hold where that is not enough: when the image's file was lost or replaced under the run, and
 * against the sweep of layers that no image has.
 *
 * The locks belong to the open files: no process that goes on without the launcher may have them.
 */

struct image_hold {
        int store_lock; /* held from the reading of the name until the layers are locked; or -1 */
        int image;      /* images/DIGEST; or -1 */
        int layers[PLAN_MAX_LAYERS];
        size_t n_layers;
};

#define IMAGE_HOLD_NONE                                                                            \
        {                                                                                          \
                .store_lock = -1, .image = -1                                                      \
        }

/*
 * Where the layers are that a run with `maps` has, below the store: those whose files all belong
 * to the user, or those whose files belong to the user's subordinate ids.
 */
const char *image_hold_directory(const struct id_maps *maps);

/*
 * Opens and locks the plan's image, if that is not done yet: under the store's lock, for the whole
 * run.  A plan without an image in a store holds nothing, nor does a name whose image is not there.
 */
int image_hold_image(const struct plan *p, struct image_hold *hold, struct err *e);

/*
 * Opens and locks the layers of the plan's image, and lets go of the store's lock and of layers
 * that were held before.  -ENOENT when one is not there, or only for other ids; after an error
 * `hold` is as it was.  A plan without layers in a store holds nothing.  The image's own lock stays.
 */
int image_hold_layers(const struct plan *p, const struct id_maps *maps, struct image_hold *hold,
                      struct err *e);

/* Lets the store's lock go for a while, and takes it again. */
void image_hold_unlock(const struct image_hold *hold);
int image_hold_lock(const struct image_hold *hold, struct err *e);

/* Lets everything go. */
void image_hold_done(struct image_hold *hold);

#endif
