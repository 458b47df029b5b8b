#ifndef KELP_CLI_STORE_H
#define KELP_CLI_STORE_H

#include "assemble.h"

#include <stdbool.h>

/*
 * The store of images as the launcher sees it: texts to read.  All changes to it are made by the
 * helper kelp-image.
 *
 *      names/ENC       the image.policy of the image of that name; ENC: %XX for all but [0-9A-Za-z._-]
 *      paths/KEY       the same for an image that was imported by its path
 *      images/DIGEST   the same for every image, by its id, and then a section [store]
 *      unpacked/single/DIFF-ID
 */

/* $XDG_DATA_HOME/kelp/store, or the same below ~/.local/share; NULL with `e` set. */
const char *store_path(struct arena *arena, const char *home, struct err *e);

/* The directory of the sandboxes that are kept, beside that store; NULL with `e` set. */
const char *kept_path(struct arena *arena, const char *store, struct err *e);

/*
 * Opens the store.  One that is not the user's own, or that others can write to, is refused: its
 * files run with the user's rights.  -ENOENT when there is none, with `e` set.
 */
int store_open(const char *path, struct err *e);

/*
 * The store's lock, shared: no image is removed while it is held.  See image-hold.h.  Waits for
 * whoever changes the store, which takes moments.
 */
int store_lock(int store, struct err *e);

/*
 * Reads names/ENC or paths/KEY, and notes in its time that it was used: what prune goes by. *ret_text
 * belongs to `arena`.  -ENOENT when there is none, -EBADMSG when it is damaged.
 */
int store_read_name(struct arena *arena, int store, const char *name, const char **ret_text,
                    struct err *e);
int store_read_path_key(struct arena *arena, int store, const char *key, const char **ret_text,
                        struct err *e);

/*
 * The same for images/DIGEST, without its last section: `id` is 12 digits or more of it, with or
 * without "sha256:".  -ENOENT also for what cannot be an id; -EINVAL when there are several;
 * -EBADMSG as above.
 */
int store_read_id(struct arena *arena, int store, const char *id, const char **ret_text,
                  struct err *e);

/* Whether `word` can be meant as an id. */
bool store_is_id(const char *word);

/* image_name_hint() with the names in the store. */
bool store_hint_names(struct arena *arena, int store, const char *name, struct err *e);

#endif
