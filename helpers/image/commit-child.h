#ifndef KELP_IMAGE_COMMIT_CHILD_H
#define KELP_IMAGE_COMMIT_CHILD_H

#include "image.h"
#include "worker.h"

/* The part of a commit that happens in the jail. */
struct commit_job {
        int kept;   /* the directory of the sandbox */
        int blobs;  /* of the store */
        int layers; /* of the store, unpacked for the ids of the sandbox */
        int layout; /* to be filled: blobs/sha256 is there */
        int layout_blobs;
        const struct image *image; /* what the sandbox was made from, of images/ */
        const char *name;
};

/* work() of a worker, whose job is a struct commit_job. */
int commit_child(const struct worker *w, struct worker_report *ret, struct err *e);

#endif
