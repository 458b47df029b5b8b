#ifndef KELP_IMAGE_KEPT_H
#define KELP_IMAGE_KEPT_H

#include "err.h"
#include "image.h"
#include "store.h"

#include <stdio.h>

/*
 * Sandboxes that are kept: directories beside the store, made by `kelp run --keep`; what is in one
 * is told in src/sandbox/kept.h.
 */

#define KEPT_NAME_MAX 63

struct kept {
        int parent; /* kept/ */
        int dir;    /* kept/NAME */
        int lock;   /* held for as long as this is open */
};

#define KEPT_NONE                                                                                  \
        {                                                                                          \
                .parent = -1, .dir = -1, .lock = -1                                                \
        }

#define autokept __attribute__((cleanup(kept_done))) struct kept

/* Opens and locks one.  ENOENT, with the nearest name as hint; EBUSY when a run has it. */
int kept_open(const struct store *store, const char *name, struct kept *ret, struct err *e);
void kept_done(struct kept *k);

/* Removes them all, or none when one is not there or in use; told on `out`, a line each. */
int kept_remove(const struct store *store, char *const *names, size_t n, FILE *out, struct err *e);

/* EBUSY when a sandbox that is kept was made from the image, which a message calls `name`. */
int kept_check_image(const struct store *store, const struct digest *image, const char *name,
                     struct err *e);

#endif
