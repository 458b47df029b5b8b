#ifndef KELP_SANDBOX_IMAGE_HOLD_H
#define KELP_SANDBOX_IMAGE_HOLD_H

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

/* The directory of one layer below the store, from `arena`; NULL with `e` set. */
char *image_hold_path(struct arena *arena, const struct plan_image *image, size_t i, struct err *e);

/*
 * Opens and locks the layers of the plan's image, and lets the store's lock go.  -ENOENT when one
 * is not there: then nothing is held but the store.  A plan without layers in a store holds nothing.
 */
int image_hold_layers(const struct plan *p, struct image_hold *hold, struct err *e);

/* Lets everything go. */
void image_hold_done(struct image_hold *hold);

#endif
