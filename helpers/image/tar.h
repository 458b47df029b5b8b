#ifndef KELP_IMAGE_TAR_H
#define KELP_IMAGE_TAR_H

#include "err.h"
#include "stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The tar reader: libarchive with the tar format and nothing else (no other format, no filter: the
 * stream is decompressed before), on top of a stream; or on top of a file, in which it seeks over
 * data that is not asked for.
 */

struct tar {
        struct archive *archive;
        struct stream *stream; /* borrowed; NULL: a file */
        struct region file;
        uint64_t file_at;
        char *buffer;
        const char *block;
        size_t len;
        uint64_t given;     /* bytes of the stream so far, with the current block */
        size_t at;          /* so much of the block libarchive has */
        const char *piece;  /* what it was given last */
        size_t piece_len;   /* and may be looked at again */
        uint64_t passed;    /* what it has of the archive */
        uint64_t header_at; /* where the header begins that is read */
        size_t separators;  /* in it */
        bool in_header;
        bool is_large;      /* a header was */
        bool has_entry;     /* one whose data may not have been read */
        bool ends_in_zeros; /* the current block does, as an archive must */
        bool has_ended;     /* there are no more blocks */
        bool is_cut;        /* right behind the data of the last entry */
        uint64_t left;      /* data of the current entry that was not read yet */
};

int tar_open(struct tar *tar, struct stream *stream, struct err *e);
int tar_open_file(struct tar *tar, const struct region *file, struct err *e);
void tar_done(struct tar *tar);

#define autotar __attribute__((cleanup(tar_done))) struct tar

/* The next entry, valid until the next call; *ret is NULL at the end. */
int tar_next(struct tar *tar, struct archive_entry **ret, struct err *e);

/* The next piece of the entry's data; *ret_len is 0 at the end. */
int tar_data(struct tar *tar, const void **ret_data, size_t *ret_len, uint64_t *ret_offset,
             struct err *e);

/* In a file: where the data of the current entry starts, counted from the start of the region. */
uint64_t tar_data_offset(struct tar *tar);

/*
 * Reads the stream to its end: behind the end mark of an archive there is only padding (anything
 * else would be seen by some readers and not by others).
 */
int tar_drain(struct tar *tar, struct err *e);

#endif
