#ifndef KELP_IMAGE_SCRATCH_H
#define KELP_IMAGE_SCRATCH_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

/*
 * A temporary file for what an archive can have more of than memory shall hold.  It is made when
 * the first byte comes, and has no name: it goes with its descriptor.
 */
struct scratch {
        int dir;      /* where it is made; borrowed */
        int file;     /* -1: not yet */
        uint64_t end; /* where the next bytes go; whoever added the last ones may put it back */
};

#define SCRATCH_IN(directory)                                                                      \
        {                                                                                          \
                .dir = (directory), .file = -1                                                     \
        }

int scratch_add(struct scratch *s, const void *data, size_t len, struct err *e);
int scratch_read(const struct scratch *s, uint64_t at, void *data, size_t len, struct err *e);
void scratch_done(struct scratch *s);

#endif
