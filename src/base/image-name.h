#ifndef KELP_BASE_IMAGE_NAME_H
#define KELP_BASE_IMAGE_NAME_H

#include "err.h"
#include "mem.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * What the launcher and its helpers must agree on about names and ids of images; see ref.h of
 * kelp-image for their grammar.
 */

#define IMAGE_NAME_DIGEST 64 /* digits of a whole id */

/* The digits of `word`, which may be an id: 12 or more, with or without "sha256:"; else NULL. */
const char *image_name_id_digits(const char *word);

/*
 * Prints those of `names` (NULL-terminated) that are of the same repository as `name`, the first
 * few of them: "deb:bookworm, deb:trixie".  False when there are none.
 */
bool image_name_print_repo(const char *const *names, const char *name, char *ret, size_t size);

/*
 * The nearest of `names` to what was typed, without the tag that need not be; NULL: none is near.
 * The names are changed, in the arena.
 */
const char *image_name_find_nearest(struct arena *arena, const char **names, const char *word);

#endif
