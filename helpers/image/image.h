#ifndef KELP_IMAGE_IMAGE_H
#define KELP_IMAGE_IMAGE_H

#include "digest.h"
#include "err.h"
#include "mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What the store knows of one image, and its two text forms.
 *
 * image.policy is what the launcher reads in front of every run (it parses no JSON):
 *
 *     [image]
 *     id = sha256:...            the digest of the manifest
 *     name = busybox:latest      absent for an image that was imported by path only
 *     layer = <diff-id>          repeated, lowest first, each one once
 *     [run]
 *     env = NAME=VALUE           repeated
 *     entrypoint = ARG           repeated, one per argument
 *     command = ARG              repeated
 *     workdir = /path            clean
 *     user = NAME[:GROUP]
 *     stop-signal = TERM         a name, or a number for a real-time signal
 *     expose = 80/tcp            repeated
 *
 * The image's own file (images/<digest>) has a third section, for list and remove:
 *
 *     [store]
 *     size = BYTES               of the uncompressed layers
 *     created = 2024-01-31T12:00:00Z
 *     manifest-type = TYPE
 *     manifest-size = BYTES
 *     blob = <digest>            repeated: manifest, configuration, layers
 *
 * In values a backslash starts an escape: \\ \n \r \t and \xHH for every other control byte and
 * for a space at either end.  Nothing else is escaped, nothing is quoted.
 */

struct image_list {
        char **item;
        size_t n;
        size_t bytes;
};

struct image_run {
        struct image_list env;
        struct image_list entrypoint;
        struct image_list command;
        struct image_list expose;
        const char *workdir;     /* NULL: not given */
        const char *user;        /* NULL: not given */
        const char *stop_signal; /* NULL: not given */
};

struct image_store {
        uint64_t size;
        uint64_t manifest_size;
        const char *manifest_type;
        const char *created; /* NULL: not known */
        struct digest *blobs;
        size_t n_blobs;
};

struct image {
        struct arena arena;
        struct digest id;
        const char *name; /* NULL: none */
        struct digest *layers;
        size_t n_layers;
        struct image_run run;
        struct image_store store;
};

void image_done(struct image *image);

#define autoimage __attribute__((cleanup(image_done))) struct image

/* The lists of struct image_run: each has its limits, and all text is copied. */
enum image_list_kind { IMAGE_ENV, IMAGE_ENTRYPOINT, IMAGE_COMMAND, IMAGE_EXPOSE };

int image_add(struct image *image, enum image_list_kind kind, const char *text, struct err *e);

int image_set_workdir(struct image *image, const char *text, struct err *e);
int image_set_user(struct image *image, const char *text, struct err *e);
int image_set_stop_signal(struct image *image, const char *text, struct err *e);

/* Only a time in the form of RFC 3339 is kept, to the second and with its offset. */
int image_set_created(struct image *image, const char *text, struct err *e);

int image_add_layer(struct image *image, const struct digest *diff_id, struct err *e);
int image_add_blob(struct image *image, const struct digest *blob, struct err *e);

/* The text of `image`, with or without the section [store]; *ret belongs to the caller (free). */
int image_write(const struct image *image, bool with_store, char **ret, struct err *e);

/*
 * Reads either form, strictly: what image_write() would not have written is EINVAL.
 * `text` is changed.  `ret` was zeroed; on error it is for image_done() alone.
 */
int image_read(char *text, struct image *ret, struct err *e);

#endif
