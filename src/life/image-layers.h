#ifndef KELP_LIFE_IMAGE_LAYERS_H
#define KELP_LIFE_IMAGE_LAYERS_H

#include "id-map.h"
#include "image-hold.h"
#include "plan.h"

/*
 * Gets hold of the image of a run and of its layers for `maps`.  Those for subordinate ids are
 * unpacked by kelp-image when the first run needs them; the lock of the store is let go meanwhile,
 * that of the image is not.  An image that is gone all the same is an error.  e->step is that of the maps where one id would do.
 */
int image_layers_get(const struct plan *p, const struct id_maps *maps, struct image_hold *hold,
                     struct err *e);

#endif
