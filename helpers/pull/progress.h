#ifndef KELP_PULL_PROGRESS_H
#define KELP_PULL_PROGRESS_H

#include "digest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What the user sees on standard error while blobs come: on a terminal a bar for each one that is
 * under way, and above them a line for each that is done; else those lines alone.  Nothing that a
 * server has said is in it but digests and sizes.
 */

#define PROGRESS_ROWS 8

struct progress_row {
        const struct digest *digest;
        uint64_t got;
        uint64_t size;
        bool is_waiting; /* for its next try */
};

struct progress {
        bool is_quiet;
        bool is_terminal;
        int n_drawn;   /* lines of bars on the screen */
        uint64_t next; /* io_now() from which on bars are drawn again */
};

void progress_open(struct progress *p, bool is_quiet);

/* Draws the bars, if it is time for it. */
void progress_draw(struct progress *p, const struct progress_row *rows, size_t n);

/* A line that stays: "DIGEST  SIZE  WHAT". */
void progress_tell(struct progress *p, const struct digest *digest, uint64_t size,
                   const char *what);

/* Takes the bars away. */
void progress_clear(struct progress *p);

/* Milliseconds until the next drawing. */
int progress_timeout(const struct progress *p);

/* The text of one bar that fits into `width` columns; pure. */
void progress_bar(char *ret, size_t size, const struct progress_row *row, int width);

#endif
