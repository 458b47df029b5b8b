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

/* Docker's rule: the first of several components is a host if it looks like one. */
bool image_name_is_host(const char *text, size_t len);

/* Whether it is one of the names under which docker's own registry goes. */
bool image_name_is_docker(const char *host, size_t len);

/*
 * The one of `names` (NULL-terminated) that a registry takes for the same as `name`, though the
 * store does not: docker.io/library/alpine:latest for alpine; NULL: there is none.
 */
const char *image_name_find_same(const char *const *names, const char *name);

/*
 * Prints those of `names` that are of the same repository as `name`, the first few of them:
 * "deb:bookworm, deb:trixie".  False when there are none.
 */
bool image_name_print_repo(const char *const *names, const char *name, char *ret, size_t size);

/*
 * The nearest to what was typed of those `names` that are of the same registry, without the tag that
 * need not be; NULL: none is near.  The list is changed, its names are in the arena.
 */
const char *image_name_find_nearest(struct arena *arena, const char **names, const char *word);

/*
 * For `path` not being there: when it is DIR:TAG and DIR is an OCI layout, sets the hint of `e` to
 * the import that takes the image of that tag.  False when it is not so.
 */
bool image_name_hint_layout(const char *path, struct err *e);

/*
 * Sets the hint of `e`, which is about `name` not being there, to the first of these three that
 * there is; false when there is none.
 */
bool image_name_hint(struct arena *arena, const char **names, const char *name, struct err *e);

#endif
