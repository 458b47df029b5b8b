#ifndef KELP_IMAGE_REMOVAL_H
#define KELP_IMAGE_REMOVAL_H

#include "catalog.h"
#include "err.h"
#include "store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * What is to leave the store: first marked, then carried out as a whole, under the store's lock.
 *
 * A name that cannot be read keeps the image that index.json has it for: the index changes before a
 * name comes and after it went, so a name that an index in order lacks stands for no image.  Where
 * the index was lost, too, a damaged name may stand for any image without a name.
 *
 * Names go first, then index.json, then the image's own file, then its layers and blobs: what a
 * crash leaves behind is whole, or nobody's, and removed by prune or taken over by an import.
 */

struct removal {
        const struct store *store;
        const struct session *session; /* NULL: nothing will be carried out */
        struct catalog catalog;
        bool *names; /* which of the catalog's go */
        bool *paths;
        bool *images;
        bool *damaged;
        bool is_claimed;  /* an import is at work: no layer and no blob goes */
        bool has_lost;    /* nobody knows what the names that cannot be read stood for */
        bool has_foreign; /* index.json has images of other tools, which may share our blobs ... */
        bool no_foreign;  /* ... and they go, too */
};

/* Loads the catalog, with nothing marked. */
int removal_load(struct removal *r, const struct store *store, const struct session *session,
                 struct err *e);
void removal_done(struct removal *r);

#define autoremoval __attribute__((cleanup(removal_done))) struct removal

/* Marks an image with all its names. */
void removal_mark_image(struct removal *r, size_t at);

/* Whether a name that stays may be one of an image without a name. */
bool removal_may_have_name(const struct removal *r);

/* Images of other tools go, too. */
void removal_drop_foreign(struct removal *r);

/* Whether an image that is not marked has the layer or the blob. */
bool removal_keeps_layer(const struct removal *r, const char *hex);
bool removal_keeps_blob(const struct removal *r, const char *hex);

/* EBUSY: a sandbox runs from that very image; by whom. */
int removal_check_idle(const struct removal *r, size_t at, struct err *e);

/*
 * EBUSY: the image, which need not be marked, or a layer that would go with it is in use, or a
 * sandbox that is kept needs the image; by whom.
 */
int removal_check_unused(const struct removal *r, size_t at, struct err *e);

/* Removes what is marked, and tells it on `out`, a line each */
int removal_carry_out(struct removal *r, FILE *out, struct err *e);

/* One layer in all its forms, or one file, whoever it belongs to.  Absence is no error. */
int removal_take_layer(const struct removal *r, const char *hex, struct err *e);
int removal_remove_file(int dir, const char *file, struct err *e);

#endif
