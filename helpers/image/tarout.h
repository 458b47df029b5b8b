#ifndef KELP_IMAGE_TAROUT_H
#define KELP_IMAGE_TAROUT_H

#include "digest.h"
#include "err.h"

#include <archive_entry.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The tar writer: pax (tarhead.c), in one piece without padding at its end, plain or through gzip.
 * The same entries give the same bytes: gzip's header has neither name nor time, and nothing of
 * this process goes in.  What comes out is hashed on the way, in both forms.
 */

struct tarout;

struct tarout_result {
        struct digest packed; /* of the bytes that were written */
        struct digest plain;  /* of the tar: a layer's diff-id */
        uint64_t packed_size;
};

enum tarout_flags {
        TAROUT_GZIP = 1 << 0,
        TAROUT_NO_DIGESTS = 1 << 1, /* they are left empty */
};

/* `fd` is borrowed; `what` names it in errors and lives as long as this. */
int tarout_open(int fd, unsigned flags, const char *what, struct tarout **ret, struct err *e);
void tarout_free(struct tarout **t);

#define autotarout __attribute__((cleanup(tarout_free))) struct tarout

/* The size of a regular file must be set, and as much data follow. */
int tarout_entry(struct tarout *t, struct archive_entry *entry, struct err *e);
int tarout_data(struct tarout *t, const void *data, size_t len, struct err *e);

/* A regular file of ours, root's and without a time, and all of its data. */
int tarout_text(struct tarout *t, const char *name, const char *text, size_t len, struct err *e);

int tarout_finish(struct tarout *t, struct tarout_result *ret, struct err *e);

#endif
