#ifndef KELP_IMAGE_REF_H
#define KELP_IMAGE_REF_H

#include "err.h"

#include <stddef.h>

/*
 * Names of images.  The grammar is that of docker references ([HOST[:PORT]/]PATH[:TAG]) without a
 * default registry: what was typed is what is stored, with ":latest" behind it when there is no
 * tag.
 *
 * A pinned name ends in a digest (NAME[:TAG]@sha256:...) and has no default tag.  It is a promise
 * about what it stands for, so that only whoever has checked it (kelp-pull) may give it.
 */

#define REF_MAX 456 /* 255 for the name, 1, 128 for the tag, 1, 71 for the digest */

/* Writes the whole form of `text` to `ret` (REF_MAX + 1 bytes).  A pinned name is EINVAL. */
int ref_parse(const char *text, char *ret, struct err *e);

/* The same for a name that may be pinned. */
int ref_parse_any(const char *text, char *ret, struct err *e);

/*
 * The name that `kelp import FILE` gives when it was told none: the last component of the path
 * without its archive suffixes, with the tag "latest".
 */
int ref_from_path(const char *path, char *ret, struct err *e);

/*
 * One file name for a name: every byte but letters, digits, '.', '_' and '-' becomes %XX (upper
 * case).  `ret` has NAME_MAX + 1 bytes; ENAMETOOLONG when that is not enough.
 */
int ref_encode(const char *ref, char *ret, struct err *e);

/* The reverse; EINVAL when `file` is not the encoded form of a name.  `ret` has REF_MAX + 1. */
int ref_decode(const char *file, char *ret, struct err *e);

/* Whether `key` can be the key of an image that was imported by its path: [0-9a-z.-], 1 to 200. */
int ref_check_path_key(const char *key, struct err *e);

#endif
