#ifndef KELP_IMAGE_VERIFY_H
#define KELP_IMAGE_VERIFY_H

#include "digest.h"
#include "err.h"
#include "store.h"
#include "worker.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * Whether everything in the store is what it was when it came there:
 *
 *     names/, paths/   what they say of an image is what its own file says
 *     images/          what they say is what manifest and configuration say
 *     index.json       has a right descriptor for every name, and none of something that is not there
 *     blobs/           each has the digest that it is named by
 *     unpacked/        each layer is what its record says (record.h)
 *
 * First the texts, under the store's lock, after what a crash left was cleared away; then blobs and
 * layers, which takes its time: meanwhile the layers are locked as by a launcher, so that no image
 * goes.  All of it is read in a jail.
 */

struct verify_result {
        unsigned damaged; /* things that are not what they should be */
        bool has_index;   /* 'index.json' cannot be read */
        int signal;       /* as of worker_run() */
};

/*
 * `args` are names and ids of images; none: everything.  Each damaged thing is told on `out`, in a
 * line.  An error means that it could not be found out.
 */
int verify_run(const struct store *store, char *const *args, size_t n_args, FILE *out,
               struct verify_result *ret, struct err *e);

/* The parts of it in other files: jobs of workers. */

struct verify_job {
        bool is_all;
        struct digest *images; /* without is_all: these, ... */
        size_t n_images;
        char **names; /* ... and these files in names/ */
        size_t n_names;
        bool has_subids; /* layers for subordinate ids: what comes later is not looked at */
};

int verify_texts(const struct worker *w, struct worker_report *ret, struct err *e);
int verify_content(const struct worker *w, struct worker_report *ret, struct err *e);

/* What a note is about. */
enum verify_note { VERIFY_THING, VERIFY_INDEX /* has_index */ };

/* A note that something is damaged: "WHAT 'NAME': WHY". */
int verify_tell(const struct worker *w, const char *what, const char *name, const struct err *why,
                struct err *e);

#endif
