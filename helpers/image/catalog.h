#ifndef KELP_IMAGE_CATALOG_H
#define KELP_IMAGE_CATALOG_H

#include "digest.h"
#include "err.h"
#include "image.h"
#include "mem.h"
#include "store.h"

#include <stdio.h>
#include <time.h>

/* All that is in a store, in memory: for list and remove. */

#define CATALOG_MAX 100000

/* A file in names/ or paths/. */
struct catalog_name {
        char *file;
        char *name; /* decoded; for a path, its key */
        struct digest id;
        struct timespec used; /* when a launcher read it last */
};

struct catalog_image {
        struct image image; /* of images/<digest> */
        time_t imported;
        struct timespec used; /* when it came, or a launcher read it last by its id */
};

struct catalog {
        struct arena arena;
        struct catalog_name *names;
        size_t n_names;
        struct catalog_name *paths;
        size_t n_paths;
        struct catalog_image *images;
        size_t n_images;
};

/* An empty store, or none yet, gives an empty catalog.  Names are sorted. */
int catalog_load(const struct store *store, struct catalog *ret, struct err *e);
void catalog_done(struct catalog *c);

#define autocatalog __attribute__((cleanup(catalog_done))) struct catalog

/* Writes the table, or JSON, to `out`. */
int catalog_print(const struct catalog *c, FILE *out, struct err *e);
int catalog_print_json(const struct catalog *c, FILE *out, struct err *e);

#endif
