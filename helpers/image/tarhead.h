#ifndef KELP_IMAGE_TARHEAD_H
#define KELP_IMAGE_TARHEAD_H

#include "err.h"

#include <archive_entry.h>
#include <stddef.h>
#include <stdint.h>

/* Where there is data in a file. */
struct tarhead_piece {
        uint64_t offset;
        uint64_t end;
};

/* What stands in front of the data of an entry; zeroed it is empty, and may be filled again. */
struct tarhead {
        char *text; /* whole blocks */
        size_t len;
        size_t room;
        uint64_t size;                /* of the file, with its holes */
        struct tarhead_piece *pieces; /* in their order; only they are in the archive */
        size_t n_pieces;
};

/*
 * The headers of `entry`: name, type, mode, owner, time, size, links, extended attributes, and where
 * the data of a sparse file is.  The same entry gives the same bytes.
 */
int tarhead_fill(struct tarhead *h, struct archive_entry *entry, struct err *e);
void tarhead_done(struct tarhead *h);

#endif
