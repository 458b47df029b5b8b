#ifndef KELP_IMAGE_INDEX_H
#define KELP_IMAGE_INDEX_H

#include "doc.h"
#include "err.h"
#include "image.h"
#include "store.h"

#include <stdbool.h>

/*
 * index.json of the store: which manifests there are, and what they are called, for other tools.
 * What other tools wrote there is kept.  Each name of an image is a descriptor of its own; an
 * image without a name keeps one without, so that no garbage collector takes its blobs.
 */

/* NULL on error. */
json_t *index_load(const struct store *store, struct err *e);

/* Whether such an error says that the file is not what it should be; else the machine has failed. */
bool index_is_damaged(const struct err *e);

int index_save(const struct store *store, int tmp, const json_t *index, struct err *e);

/* Gives `name` (or none: NULL) to the image; another image that had the name loses it. */
int index_add(json_t *index, const struct image *image, const char *name, struct err *e);

/* Takes `name` away; the manifest it stood for stays, nameless if need be. */
int index_remove_name(json_t *index, const char *name, struct err *e);

/* Removes every descriptor of a manifest. */
int index_remove_image(json_t *index, const struct digest *id, struct err *e);

/* Removes every descriptor that has no file in images/. */
int index_remove_foreign(const struct store *store, json_t *index, struct err *e);

/* The n-th name that the image has in it, or NULL.  Lives as long as the index is not changed. */
const char *index_get_name(const json_t *index, const struct digest *id, size_t n);

/* The image that a name stands for in it; false: it has no such name, or twice. */
bool index_find_name(const json_t *index, const char *name, struct digest *ret);

/* Whether it has the image, under whatever name. */
bool index_has_image(const json_t *index, const struct digest *id);

/* Makes index.json say what names/ and images/ say, after a crash; what it cannot read it leaves. */
int index_mend(const struct store *store, int tmp, struct err *e);

/* Whether it has manifests that have no file in images/: another tool's. */
bool index_has_foreign(const struct store *store, const json_t *index);

/* What index_repair() leaves of a damaged one. */
#define INDEX_DAMAGED "index.json.damaged"

/*
 * Writes an index.json that is damaged or missing anew, from names/ and images/: it must not keep
 * the user from his images.  What other tools had in it is lost there, and kept in INDEX_DAMAGED.
 * Takes the store's lock.
 */
int index_repair(const struct store *store, bool *ret_was_damaged, struct err *e);

#endif
