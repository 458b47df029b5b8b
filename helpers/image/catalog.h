#ifndef KELP_IMAGE_CATALOG_H
#define KELP_IMAGE_CATALOG_H

#include "digest.h"
#include "err.h"
#include "image.h"
#include "mem.h"
#include "store.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

/*
 * All that is in a store, in memory: for list and remove.  A file that cannot be read is an entry
 * that says so: it must keep nobody from the others, nor from removing it.
 */

#define CATALOG_MAX 100000

/* A file in names/ or paths/, or one in images/ that is damaged. */
struct catalog_name {
        char *file;
        char *name;           /* decoded, if it can be; for a path, its key */
        char *damage;         /* why it cannot be read; NULL: it can */
        struct digest id;     /* "" with damage; but see removal.h */
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
        struct catalog_name *damaged; /* files in images/ */
        size_t n_damaged;
};

/* An empty store, or none yet, gives an empty catalog.  Names are sorted, images by their ids. */
int catalog_load(const struct store *store, struct catalog *ret, struct err *e);
void catalog_done(struct catalog *c);

/* The image of that id; NULL: there is none. */
const struct catalog_image *catalog_find_image(const struct catalog *c, const struct digest *id);

/* Whether a name stands for that image. */
bool catalog_has_name(const struct catalog *c, const struct digest *id);

/*
 * The n-th thing that is damaged, as an error with what to do; false: there are no more.  A path is
 * no such thing: it is forgotten.
 */
bool catalog_get_damage(const struct catalog *c, size_t n, struct err *ret);
bool catalog_get_damaged_name(const struct catalog *c, size_t n, struct err *ret);
bool catalog_get_damaged_image(const struct catalog *c, size_t n, struct err *ret);

/* The first of them as an error: for whoever must know all that is there. */
int catalog_check(const struct catalog *c, struct err *e);

#define autocatalog __attribute__((cleanup(catalog_done))) struct catalog

/* Writes the table, or JSON, to `out`. */
int catalog_print(const struct catalog *c, FILE *out, struct err *e);
/* The ids alone, as the table has them, each once. */
int catalog_print_ids(const struct catalog *c, FILE *out, struct err *e);
int catalog_print_json(const struct catalog *c, FILE *out, struct err *e);

#endif
