#ifndef KELP_IMAGE_EXPORT_H
#define KELP_IMAGE_EXPORT_H

#include "err.h"
#include "image.h"
#include "store.h"
#include "worker.h"

/*
 * Writes an image of the store as one file.
 *
 *     oci-archive       a tar of an OCI layout: the blobs as they lie in the store
 *     docker-archive    what `docker save` writes: manifest.json, the configuration, and the layers
 *                       as plain tars, named by their diff-ids
 *
 * The same image gives the same bytes: entries have a fixed order, root as their owner, and no time.
 * What is in the store is hashed again on its way; a damaged blob is an error, and no file is left.
 *
 * A process in a jail reads the blobs; it has the one file to write to.
 */

enum export_format { EXPORT_OCI, EXPORT_DOCKER };

/* "oci-archive" or "docker-archive"; EINVAL with the nearest one as hint. */
int export_parse_format(const char *text, enum export_format *ret, struct err *e);

struct export_request {
        const char *image; /* a name or an id */
        const char *file;  /* a path; "-": standard output */
        enum export_format format;
};

/* After an error *ret_signal is the signal that ended it, or 0. */
int export_run(const struct store *store, const struct export_request *request, int *ret_signal,
               struct err *e);

/* ------ export-child.c: the part of it in the jail ------ */

struct export_job {
        int blobs; /* of the store */
        int out;
        const struct image *image;
        const char *name; /* whole, or NULL: it has none in the archive */
        const char *file; /* what `out` is, for errors */
        enum export_format format;
};

/* work() of a worker, whose job is a struct export_job. */
int export_child(const struct worker *w, struct worker_report *ret, struct err *e);

/* ------ export-file.c: the file ------ */

struct export_file {
        int fd;
        int dir; /* where `base` is to appear; -1: what is written is there at once */
        const char *base;
        char temporary[64]; /* "": the file has no name yet */
};

#define EXPORT_FILE_NONE                                                                           \
        {                                                                                          \
                .fd = -1, .dir = -1                                                                \
        }

int export_file_open(const char *path, struct export_file *ret, struct err *e);

/* Gives the file its name, in the place of what had it. */
int export_file_finish(struct export_file *f, struct err *e);

/* Without export_file_finish() nothing is left. */
void export_file_done(struct export_file *f);

#endif
