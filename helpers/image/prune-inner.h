#ifndef KELP_IMAGE_PRUNE_INNER_H
#define KELP_IMAGE_PRUNE_INNER_H

#include "mem.h"
#include "prune.h"
#include "removal.h"

#include <stddef.h>

/* What prune.c shares with the choice of images (prune-choose.c) and the rest (prune-sweep.c). */

/* A layer in all its forms, or a blob. */
struct item {
        const char *name;
        uint64_t bytes;
};

struct items {
        struct item *list;
        size_t n;
};

struct prune {
        const struct prune_request *request;
        const struct store *store;
        struct arena arena;
        struct items all_layers; /* measured before the store is locked: that takes its time */
        struct items all_blobs;
        struct removal removal;
        FILE *out;
        char *in_use;
        uint64_t freed;
        unsigned layers; /* that belong to no image, and go */
        unsigned blobs;
        unsigned leftovers; /* of commands that were killed */
};

/* Marks the images and names that go; those that would but stay are told in `in_use`. */
int prune_choose(struct prune *p, struct err *e);

/* Measures layers and blobs. */
int prune_measure(struct prune *p, struct err *e);

/* Counts what goes with the marked images, and removes what belongs to none. */
int prune_sweep(struct prune *p, struct err *e);

#endif
